//! A whole run as one input: a byte of options, then files, each as its number, its length in two bytes, and its data.

/// The files that an input may hold.
pub const NAMES: [&str; 8] = [
    "result.json",
    "checkpoint_manager_snapshot.json",
    "progress.csv",
    "error.pkl",
    "error.txt",
    "params.json",
    ".validate_storage_marker",
    "event_EXPORT_TRAIN_STATE.log",
];

/// The input that holds these files, each given by its place among the names.
pub fn pack(options: u8, files: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![options];
    for (place, data) in files {
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        out.push(*place as u8);
        out.extend(length.to_le_bytes());
        out.extend(&data[..usize::from(length)]);
    }
    out
}

/// The options and files of an input. Of what is not there, a file has less.
pub fn unpack(input: &[u8]) -> (u8, Vec<(&'static str, &[u8])>) {
    let Some((options, mut rest)) = input.split_first() else { return (0, Vec::new()) };
    let mut files = Vec::new();
    while let [place, low, high, behind @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        files.push((NAMES[usize::from(*place) % NAMES.len()], &behind[..length]));
        rest = &behind[length..];
    }
    (*options, files)
}
