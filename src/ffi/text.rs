//! Text that C owns.

use super::boundary::Str;

/// A string that the caller owns.
pub struct Text(String);

impl Text {
    pub(super) fn boxed(text: String) -> Box<Self> {
        Box::new(Text(text))
    }
}

/// The bytes of `text`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_text_str(text: Option<&Text>) -> Str {
    Str::new(text.map(|text| text.0.as_str()))
}

/// Frees `text`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_text_free(text: Option<Box<Text>>) {
    drop(text);
}
