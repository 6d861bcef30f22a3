"""quinde's tests; a package so that `tests.support` can be imported and `tests/http` shadows nothing."""
