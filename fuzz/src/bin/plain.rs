//! Fuzzes without libFuzzer, on any toolchain: mutates seeds at random, from a number that makes it repeatable.
//!
//! plain TARGET|all SECONDS [SEED]   of each target; prints a record. What runs stands in the file finding-TARGET, which
//!                                   a finding leaves, a crash too
//! plain TARGET FILE                 runs one input
//! plain TARGET seeds DIRECTORY       writes the seeds into a directory, for libFuzzer

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libresult_fuzz::counting::{Counting, measure};
use libresult_fuzz::{TARGETS, Target, seeds};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What an input may make a target allocate at one time, in bytes: always, and for each byte of it. The worst inputs known
/// take four fifths of that: brackets, line ends, empty cells, ranks. Texts of workers in a pickle have a limit of 4 MiB.
const ALLOWED: [(&str, usize, usize); 11] = [
    ("json", 1 << 20, 64),
    ("rows", 1 << 20, 96),
    ("named", 1 << 20, 88),
    ("csv", 1 << 20, 192),
    ("snapshot", 1 << 20, 48),
    ("error_log", 1 << 20, 8),
    ("pickle", 10 << 20, 88),
    ("events", 1 << 20, 384),
    ("run", 16 << 20, 384),
    ("frame", 2 << 20, 2_000),
    ("json_differential", 1 << 20, 112),
];
const LONGEST: usize = 256 * 1024;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(name), Some(how)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: plain TARGET|all SECONDS [SEED], plain TARGET FILE, plain TARGET seeds DIRECTORY");
        return ExitCode::from(2);
    };
    let chosen: Vec<&(&str, Target)> =
        TARGETS.iter().filter(|(known, _)| name == "all" || name == known).collect();
    if chosen.is_empty() {
        eprintln!("no target {name}");
        return ExitCode::from(2);
    }
    if how == "seeds" {
        let directory = arguments.get(2).expect("a directory");
        for (place, seed) in seeds::of(name).iter().enumerate() {
            std::fs::write(format!("{directory}/seed-{place}"), seed).expect("a seed");
        }
        return ExitCode::SUCCESS;
    }
    let Ok(seconds) = how.parse() else {
        let data = std::fs::read(how).expect("the input");
        for (name, target) in chosen {
            check(name, *target, &data).expect("no finding");
        }
        return ExitCode::SUCCESS;
    };
    let seed = arguments.get(2).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    std::panic::set_hook(Box::new(|_| {}));
    let mut findings = 0;
    for (name, target) in &chosen {
        findings += fuzz(name, *target, Duration::from_secs_f64(seconds), seed);
    }
    println!("{} passed, {findings} failed", chosen.len() - findings);
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a target until the time is over or something is found. Returns the number of findings.
fn fuzz(name: &str, target: Target, time: Duration, seed: u64) -> usize {
    let seeds = seeds::of(name);
    let words = seeds::words();
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let path = format!("finding-{name}");
    let file = File::create(&path).expect("the file of the input");
    let start = Instant::now();
    let mut executions = 0;
    while start.elapsed() < time || executions < seeds.len() {
        // First every seed as it is.
        let data = match seeds.get(executions) {
            Some(seed) => seed.clone(),
            None => mutated(&seeds, &words, &mut random),
        };
        executions += 1;
        file.write_all_at(&data, 0)
            .and_then(|()| file.set_len(data.len() as u64))
            .expect("keeping the input");
        if let Err(what) = check(name, target, &data) {
            println!("{name}: {what}\n  input: {path}, {} bytes; reproduce: plain {name} {path}", data.len());
            return 1;
        }
    }
    std::fs::remove_file(&path).expect("removing the input");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name:<20} plain {executions:>9} executions {seconds:>8.1} s  {:>4} seeds  0 findings",
        seeds.len()
    );
    0
}

/// Runs one input; an error says what is wrong.
fn check(name: &str, target: Target, data: &[u8]) -> Result<(), String> {
    let mut outcome = Ok(());
    let (peak, _) = measure(|| {
        outcome = catch_unwind(AssertUnwindSafe(|| target(data))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("panic: {}", text.unwrap_or_default())
        });
    });
    let known = ALLOWED.iter().find(|(known, ..)| *known == name);
    let allowed = known.map_or(0, |(_, always, each)| always + each * data.len());
    if outcome.is_ok() && peak > allowed {
        return Err(format!("{peak} bytes allocated for {} bytes; {allowed} are allowed", data.len()));
    }
    outcome
}

struct Random(u64);

impl Random {
    /// xorshift64*
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        number as usize % end.max(1)
    }

    /// A range in something of this length, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = if self.below(4) == 0 { length } else { 16 };
        start..(start + self.below(longest + 1)).min(length)
    }
}

fn mutated(seeds: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let place = random.below(data.len() + 1);
        match random.below(9) {
            0 if !data.is_empty() => {
                let place = place.min(data.len() - 1);
                data[place] ^= 1 << random.below(8);
            }
            1 if !data.is_empty() => {
                let place = place.min(data.len() - 1);
                data[place] = b"\"\\{}[],:\n\r\0\xff0-.eNt"[random.below(18)];
            }
            2 => data.truncate(place),
            3 => {
                data.splice(place..place, words[random.below(words.len())].iter().copied());
            }
            4 => {
                let range = random.range(data.len());
                data.drain(range);
            }
            5 => {
                // The same piece many times.
                let range = random.range(data.len());
                let most = if random.below(8) == 0 { 2_000 } else { 4 };
                let piece = data[range].repeat(1 + random.below(most));
                data.splice(place..place, piece);
            }
            6 => {
                let other = &seeds[random.below(seeds.len())];
                let range = random.range(other.len());
                data.splice(place..place, other[range].iter().copied());
            }
            7 => {
                let range = random.range(data.len());
                data[range].reverse();
            }
            _ => {
                let range = random.range(data.len());
                let word = &words[random.below(words.len())];
                data.splice(range, word.iter().copied());
            }
        }
        data.truncate(LONGEST);
    }
    data
}
