"""The page on which a race is shown: one file, complete in itself, without scripts.

`markup` makes HTML that cannot be broken out of, `model` says what a page shows, `charts` and `waterfall`
draw, `document` puts it together, `machine` says where it was measured.
"""
