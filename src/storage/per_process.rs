//! A value of this process: after a fork the child makes its own.

use once_cell::race::OnceBox;

/// What is made once for each process that uses it. The threads and connections of a parent do not live in its child, so
/// what holds such must not be shared. Nothing here ever blocks: a lock that was held during a fork would stay locked.
pub(super) struct PerProcess<T>(OnceBox<Node<T>>);

struct Node<T> {
    process: u32,
    value: T,
    child: PerProcess<T>,
}

impl<T> PerProcess<T> {
    pub(super) const fn new() -> Self {
        PerProcess(OnceBox::new())
    }

    /// The value of this process. Of threads that make it at the same time, one wins.
    pub(super) fn get_or_try_init<E>(&self, make: impl Fn() -> Result<T, E>) -> Result<&T, E> {
        let process = std::process::id();
        let mut here = self;
        loop {
            let new = || Ok(Box::new(Node { process, value: make()?, child: PerProcess::new() }));
            let node = here.0.get_or_try_init(new)?;
            if node.process == process {
                return Ok(&node.value);
            }
            here = &node.child;
        }
    }

    pub(super) fn get_or_init(&self, make: impl Fn() -> T) -> &T {
        match self.get_or_try_init(|| Ok::<T, std::convert::Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}
