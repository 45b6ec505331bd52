//! The keys that rows have, as a tree: each path from the row down to a value is a node, which knows its column.

use std::collections::HashMap;
use std::sync::Arc;

use super::pick::Pick;
use crate::error::{Error, Result};

/// A place in a row, whatever the row.
pub(super) type Node = u32;

/// A row as a whole.
pub(super) const ROW: Node = 0;

/// A column of the table, by its place there.
pub(super) type Column = u32;

/// No column: nobody asked for it.
pub(super) const NO_COLUMN: Column = Column::MAX;

/// What is known of a path.
#[derive(Debug)]
pub(super) struct Path {
    pub parent: Node,
    /// How many keys lead here.
    pub depth: u32,
    pub column: Column,
    /// Whether another path has the same flat name: then a row may have both.
    pub is_contested: bool,
    /// The keys with `/` between them.
    name: Arc<str>,
    children: HashMap<Box<str>, Node>,
}

impl Path {
    /// The keys with `/` between them.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// All paths that rows were found to have.
#[derive(Debug)]
pub(super) struct Paths {
    paths: Vec<Path>,
    pick: Pick,
    /// Which path had a name first.
    owners: HashMap<Arc<str>, Node>,
    columns: Vec<Arc<str>>,
    /// Some names that nobody asked for, to find what was meant instead.
    left_out: Vec<Arc<str>>,
    name_bytes: usize,
    contests: usize,
}

impl Paths {
    /// A file that was made to harm can have many columns of long names.
    const MOST_NAME_BYTES: usize = 256 << 20;
    pub(super) const MOST_LEFT_OUT: usize = 1_000;

    pub(super) fn new(pick: Pick) -> Self {
        let row = Path {
            parent: ROW,
            depth: 0,
            column: NO_COLUMN,
            is_contested: false,
            name: Arc::from(""),
            children: HashMap::new(),
        };
        Paths {
            paths: vec![row],
            pick,
            owners: HashMap::new(),
            columns: Vec::new(),
            left_out: Vec::new(),
            name_bytes: 0,
            contests: 0,
        }
    }

    #[inline]
    pub(super) fn get(&self, node: Node) -> &Path {
        &self.paths[node as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }

    /// The names of the columns, by their places.
    pub(super) fn columns(&self) -> &[Arc<str>] {
        &self.columns
    }

    pub(super) fn left_out(&self) -> &[Arc<str>] {
        &self.left_out
    }

    /// How many paths were found to share their name with another one.
    pub(super) fn contests(&self) -> usize {
        self.contests
    }

    /// Where a key leads from `parent`.
    pub(super) fn child(&mut self, parent: Node, key: &str) -> Result<Node> {
        if let Some(child) = self.paths[parent as usize].children.get(key) {
            return Ok(*child);
        }
        let above = &self.paths[parent as usize];
        let depth = above.depth + 1;
        let name: Arc<str> = if parent == ROW { key.into() } else { [&above.name, "/", key].concat().into() };
        self.name_bytes += name.len();
        if self.name_bytes > Self::MOST_NAME_BYTES {
            let most = Self::MOST_NAME_BYTES;
            let message = format!("the names of the columns have more than {most} bytes together");
            return Err(Error::corrupt(message));
        }
        let node = self.paths.len() as Node;
        let owner = *self.owners.entry(name.clone()).or_insert(node);
        let is_contested = owner != node;
        let column = if is_contested {
            self.contests += 1;
            self.paths[owner as usize].is_contested = true;
            self.paths[owner as usize].column
        } else {
            self.new_column(&name)
        };
        self.paths.push(Path { parent, depth, column, is_contested, name, children: HashMap::new() });
        self.paths[parent as usize].children.insert(key.into(), node);
        Ok(node)
    }

    fn new_column(&mut self, name: &Arc<str>) -> Column {
        if !self.pick.wants(name) {
            if self.left_out.len() < Self::MOST_LEFT_OUT {
                self.left_out.push(name.clone());
            }
            return NO_COLUMN;
        }
        self.columns.push(name.clone());
        self.columns.len() as Column - 1
    }
}
