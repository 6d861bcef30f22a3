#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quinde_fuzz::differential::check(data));
