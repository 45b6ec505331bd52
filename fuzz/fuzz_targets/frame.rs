#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| libresult_fuzz::frame::frame(data));
