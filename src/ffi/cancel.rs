//! A switch, as C sees it.

use crate::cancel::Cancel;

/// Creates a switch, which is off.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_cancel_new() -> Option<Box<Cancel>> {
    Some(Box::new(Cancel::new()))
}

/// Makes every call that was given `cancel` fail with `LIBRESULT_CODE_CANCELLED`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_cancel_trigger(cancel: Option<&Cancel>) {
    if let Some(cancel) = cancel {
        cancel.trigger();
    }
}

/// Frees `cancel`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_cancel_free(cancel: Option<Box<Cancel>>) {
    drop(cancel);
}
