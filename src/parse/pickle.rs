//! Pickles, read without being run: every opcode of protocols 0 to 5 becomes plain data, and what Python would
//! import or call is only noted. Objects may share parts and contain themselves, so they lie in one list and
//! refer to one another by place.

use std::collections::HashMap;

/// The place of an object in its pickle.
pub(crate) type Id = usize;

/// An object of a pickle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Object<'a> {
    None,
    Bool(bool),
    /// A whole number that fits.
    Int(i64),
    /// A larger one: its bytes, the lowest first, in two's complement.
    LargeInt(&'a [u8]),
    Float(f64),
    Text(Text<'a>),
    Bytes(&'a [u8]),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// What Python would import.
    Global {
        module: Text<'a>,
        name: Text<'a>,
    },
    /// What Python would call, with a tuple, and the state that it would then set.
    Call {
        callable: Id,
        arguments: Id,
        state: Option<Id>,
    },
    /// Something that only the writer knows: a persistent id, an extension, a buffer beside the pickle.
    Opaque,
}

impl<'a> Object<'a> {
    pub(crate) fn as_text(&self) -> Option<&Text<'a>> {
        if let Object::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        if let Object::Int(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_dict(&self) -> Option<&[(Id, Id)]> {
        if let Object::Dict(members) = self { Some(members) } else { None }
    }
}

/// A text, as far as possible where it stands in the pickle.
pub(crate) type Text<'a> = std::borrow::Cow<'a, str>;

/// Why bytes are no pickle, or none that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub(crate) struct PickleError {
    pub offset: usize,
    pub reason: &'static str,
}

/// A pickle as plain data.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    objects: Vec<Object<'a>>,
    root: Id,
}

/// Keys are looked for among so many members, the last ones: those of Ray's objects are few.
const MOST_MEMBERS: usize = 1_000;

/// More steps are taken for an attack: what Ray writes has a few thousand.
const MOST_STEPS: usize = 1 << 17;

impl<'a> Pickle<'a> {
    /// Reads a pickle up to its end; what stands behind that does not matter.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let mut machine = Machine {
            bytes,
            at: 0,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        for _ in 0..MOST_STEPS {
            let offset = machine.at;
            match machine.step() {
                Ok(None) => {}
                Ok(Some(root)) => return Ok(Pickle { objects: machine.objects, root }),
                Err(reason) => return Err(PickleError { offset, reason }),
            }
        }
        Err(PickleError { offset: machine.at, reason: "it has too many steps" })
    }

    pub(crate) fn root(&self) -> Id {
        self.root
    }

    /// All objects, in the order in which the pickle makes them.
    pub(crate) fn objects(&self) -> &[Object<'a>] {
        &self.objects
    }

    pub(crate) fn object(&self, id: Id) -> &Object<'a> {
        self.objects.get(id).unwrap_or(&Object::Opaque)
    }

    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        self.object(id).as_text().map(|text| &**text)
    }

    pub(crate) fn tuple(&self, id: Id) -> &[Id] {
        if let Object::Tuple(items) = self.object(id) { items } else { &[] }
    }

    /// The value of a dict under a key that is text.
    pub(crate) fn get(&self, dict: Id, key: &str) -> Option<Id> {
        let members = self.object(dict).as_dict()?;
        members
            .iter()
            .rev()
            .take(MOST_MEMBERS)
            .find(|(known, _)| self.text(*known) == Some(key))
            .map(|(_, value)| *value)
    }
}

type Step<T> = Result<T, &'static str>;

/// Python's machine for pickles, without what it does to the world.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    /// Takes the next opcode. Returns the object that the pickle stands for once it ends.
    fn step(&mut self) -> Step<Option<Id>> {
        match self.byte()? {
            b'.' => return self.pop().map(Some),
            // What says how to read on, and nothing else.
            0x80 => self.skip(1)?,
            0x95 => self.skip(8)?,
            0x98 => {}
            // Marks and the stack.
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop_or_mark()?,
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // The memo.
            b'p' => {
                let place = self.decimal_line()?;
                self.remember(place)?;
            }
            b'q' => {
                let place = self.size(1)? as u64;
                self.remember(place)?;
            }
            b'r' => {
                let place = self.size(4)? as u64;
                self.remember(place)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'g' => {
                let place = self.decimal_line()?;
                self.recall(place)?;
            }
            b'h' => {
                let place = self.size(1)? as u64;
                self.recall(place)?;
            }
            b'j' => {
                let place = self.size(4)? as u64;
                self.recall(place)?;
            }
            opcode => self.make(opcode)?,
        }
        Ok(None)
    }

    /// Takes an opcode that makes or fills an object.
    fn make(&mut self, opcode: u8) -> Step<()> {
        let made = match opcode {
            b'N' => Object::None,
            0x88 => Object::Bool(true),
            0x89 => Object::Bool(false),
            // Numbers.
            b'I' => match self.line()? {
                b"00" => Object::Bool(false),
                b"01" => Object::Bool(true),
                digits => decimal(digits)?,
            },
            b'L' => {
                let digits = self.line()?;
                decimal(digits.strip_suffix(b"L").unwrap_or(digits))?
            }
            b'K' => Object::Int(self.size(1)? as i64),
            b'M' => Object::Int(self.size(2)? as i64),
            b'J' => Object::Int(i64::from(self.size(4)? as u32 as i32)),
            0x8a => {
                let length = self.size(1)?;
                self.integer(length)?
            }
            0x8b => {
                let length = self.size(4)?;
                self.integer(length)?
            }
            b'F' => Object::Float(text(self.line()?)?.trim().parse().map_err(|_| "no number")?),
            b'G' => {
                let bytes = self.take(8)?.try_into().map_err(|_| "it ends too early")?;
                Object::Float(f64::from_be_bytes(bytes))
            }
            // Texts and bytes, with their length before them or on a line.
            b'V' => Object::Text(raw_unicode(self.line()?)?),
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'S' => Object::Text(quoted(self.line()?)?),
            // In Python 2 such a text is bytes of an encoding that the pickle does not tell.
            b'U' => self.text(1)?,
            b'T' => self.text(4)?,
            b'C' => self.byte_string(1)?,
            b'B' => self.byte_string(4)?,
            0x8e | 0x96 => self.byte_string(8)?,
            // Collections.
            b']' => Object::List(Vec::new()),
            b')' => Object::Tuple(Vec::new()),
            b'}' => Object::Dict(Vec::new()),
            0x8f => Object::Set(Vec::new()),
            b'l' => Object::List(self.pop_to_mark()?),
            b't' => Object::Tuple(self.pop_to_mark()?),
            0x91 => Object::Set(self.pop_to_mark()?),
            b'd' => Object::Dict(pairs(&self.pop_to_mark()?)?),
            0x85 => Object::Tuple(self.pop_many(1)?),
            0x86 => Object::Tuple(self.pop_many(2)?),
            0x87 => Object::Tuple(self.pop_many(3)?),
            b'a' | b'e' | 0x90 | b's' | b'u' => return self.fill(opcode),
            // What Python would import and call.
            b'c' => Object::Global { module: text(self.line()?)?.into(), name: text(self.line()?)?.into() },
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let part = |id: Id| match self.objects.get(id) {
                    // What was not UTF-8 is owned: no name, and copies of it would add up.
                    Some(Object::Text(Text::Borrowed(text))) => Ok(Text::Borrowed(*text)),
                    Some(_) | None => Err("a name that is no text"),
                };
                Object::Global { module: part(module)?, name: part(name)? }
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                Object::Call { callable, arguments, state: None }
            }
            0x92 => {
                let (_, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                Object::Call { callable, arguments, state: None }
            }
            b'o' => {
                let mut items = self.pop_to_mark()?;
                let callable =
                    if items.is_empty() { return Err("a class is missing") } else { items.remove(0) };
                Object::Call { callable, arguments: self.add(Object::Tuple(items)), state: None }
            }
            b'i' => {
                let class =
                    Object::Global { module: text(self.line()?)?.into(), name: text(self.line()?)?.into() };
                let callable = self.add(class);
                let items = self.pop_to_mark()?;
                Object::Call { callable, arguments: self.add(Object::Tuple(items)), state: None }
            }
            b'b' => return self.build(),
            // What only the writer knows.
            b'P' => {
                self.line()?;
                Object::Opaque
            }
            b'Q' => {
                self.pop()?;
                Object::Opaque
            }
            0x82 => self.opaque(1)?,
            0x83 => self.opaque(2)?,
            0x84 => self.opaque(4)?,
            0x97 => Object::Opaque,
            _ => return Err("not an opcode"),
        };
        let id = self.add(made);
        self.stack.push(id);
        Ok(())
    }

    /// Adds to the list, set or dict below what is on top.
    fn fill(&mut self, opcode: u8) -> Step<()> {
        let items = match opcode {
            b'a' => self.pop_many(1)?,
            b's' => self.pop_many(2)?,
            _ => self.pop_to_mark()?,
        };
        let top = self.top()?;
        match self.objects.get_mut(top) {
            Some(Object::List(list) | Object::Set(list)) => list.extend(items),
            Some(Object::Dict(members)) => members.extend(pairs(&items)?),
            // A class of the writer's own that acts as one of them: what it holds does not matter here.
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Gives the object below what is on top its state.
    fn build(&mut self) -> Step<()> {
        let given = self.pop()?;
        let top = self.top()?;
        if let Some(Object::Call { state, .. }) = self.objects.get_mut(top) {
            *state = Some(given);
        }
        Ok(())
    }

    fn add(&mut self, object: Object<'a>) -> Id {
        self.objects.push(object);
        self.objects.len() - 1
    }

    fn top(&self) -> Step<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() > floor {
            self.stack.last().copied().ok_or("its stack is empty")
        } else {
            Err("its stack is empty")
        }
    }

    fn pop(&mut self) -> Step<Id> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_or_mark(&mut self) -> Step<()> {
        if self.pop().is_err() {
            self.marks.pop().ok_or("its stack is empty")?;
        }
        Ok(())
    }

    fn pop_many(&mut self, count: usize) -> Step<Vec<Id>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .filter(|start| *start >= floor)
            .ok_or("its stack is empty")?;
        Ok(self.stack.split_off(start))
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn remember(&mut self, place: u64) -> Step<()> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u64) -> Step<()> {
        let id = *self.memo.get(&place).ok_or("it refers to what is not there")?;
        self.stack.push(id);
        Ok(())
    }

    fn byte(&mut self) -> Step<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn take(&mut self, length: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or("it ends too early")?;
        let bytes = self.bytes.get(self.at..end).ok_or("it ends too early")?;
        self.at = end;
        Ok(bytes)
    }

    fn skip(&mut self, length: usize) -> Step<()> {
        self.take(length).map(|_| ())
    }

    /// A number without sign, of so many bytes, the lowest first.
    fn size(&mut self, length: usize) -> Step<usize> {
        let bytes = self.take(length)?;
        let number = bytes.iter().rev().fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
        usize::try_from(number).map_err(|_| "a size is too large")
    }

    /// What stands before the next line end.
    fn line(&mut self) -> Step<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).ok_or("it ends too early")?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn decimal_line(&mut self) -> Step<u64> {
        text(self.line()?)?.trim().parse().map_err(|_| "no number")
    }

    fn integer(&mut self, length: usize) -> Step<Object<'a>> {
        let bytes = self.take(length)?;
        if length > 8 {
            return Ok(Object::LargeInt(bytes));
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut all = if negative { [0xff; 8] } else { [0; 8] };
        all[..length].copy_from_slice(bytes);
        Ok(Object::Int(i64::from_le_bytes(all)))
    }

    fn text(&mut self, length_bytes: usize) -> Step<Object<'a>> {
        let length = self.size(length_bytes)?;
        Ok(Object::Text(super::text(self.take(length)?)))
    }

    fn byte_string(&mut self, length_bytes: usize) -> Step<Object<'a>> {
        let length = self.size(length_bytes)?;
        Ok(Object::Bytes(self.take(length)?))
    }

    fn opaque(&mut self, length: usize) -> Step<Object<'a>> {
        self.skip(length)?;
        Ok(Object::Opaque)
    }
}

fn text(bytes: &[u8]) -> Step<&str> {
    std::str::from_utf8(bytes).map_err(|_| "a line is not UTF-8")
}

fn decimal(digits: &[u8]) -> Step<Object<'_>> {
    text(digits)?.trim().parse().map(Object::Int).or(Ok(Object::Opaque))
}

fn pairs(items: &[Id]) -> Step<Vec<(Id, Id)>> {
    let pairs = items.chunks_exact(2);
    if pairs.remainder().is_empty() {
        Ok(pairs.map(|pair| (pair[0], pair[1])).collect())
    } else {
        Err("a value is missing")
    }
}

/// Text of protocol 0, in which some characters stand as `\uXXXX` or `\UXXXXXXXX`.
fn raw_unicode(line: &[u8]) -> Step<Text<'_>> {
    if !line.contains(&b'\\') && line.is_ascii() {
        return text(line).map(Text::Borrowed);
    }
    // Every other byte is a character of Latin-1.
    let mut out = String::new();
    let mut rest = line;
    while let Some((&first, behind)) = rest.split_first() {
        let digits = match behind.first() {
            Some(b'u') if first == b'\\' => behind.get(1..5),
            Some(b'U') if first == b'\\' => behind.get(1..9),
            Some(_) | None => None,
        };
        let number =
            digits.and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (number, digits) {
            (Some(number), Some(digits)) => {
                out.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = &behind[1 + digits.len()..];
            }
            (None, _) | (_, None) => {
                out.push(char::from(first));
                rest = behind;
            }
        }
    }
    Ok(out.into())
}

/// A text of Python 2 in protocol 0: as `repr` writes it.
fn quoted(line: &[u8]) -> Step<Text<'_>> {
    let line = line.trim_ascii();
    let quote = *line.first().filter(|quote| matches!(quote, b'\'' | b'"')).ok_or("a text without quotes")?;
    let inner = line[1..].strip_suffix(&[quote]).ok_or("a text without quotes")?;
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'\\' {
            out.push(first);
            continue;
        }
        let (&escaped, behind) = behind.split_first().ok_or("an escape is cut")?;
        rest = behind;
        match escaped {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'x' => {
                let digits = rest.get(..2).ok_or("an escape is cut")?;
                out.push(u8::from_str_radix(text(digits)?, 16).map_err(|_| "an escape is no number")?);
                rest = &rest[2..];
            }
            other => out.push(other),
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pickle as text, without recursion into what it shares.
    fn show(bytes: &[u8]) -> Result<String, PickleError> {
        let pickle = Pickle::read(bytes)?;
        Ok(shown(&pickle, pickle.root(), 0))
    }

    fn shown(pickle: &Pickle, id: Id, depth: usize) -> String {
        let list = |items: &[Id]| {
            let items: Vec<String> = items.iter().map(|item| shown(pickle, *item, depth + 1)).collect();
            items.join(", ")
        };
        if depth > 5 {
            return "...".to_owned();
        }
        match pickle.object(id) {
            Object::List(items) => format!("[{}]", list(items)),
            Object::Tuple(items) => format!("({})", list(items)),
            Object::Set(items) => format!("{{{}}}", list(items)),
            Object::Dict(members) => {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| {
                        format!("{}: {}", shown(pickle, *key, depth + 1), shown(pickle, *value, depth + 1))
                    })
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
            Object::Global { module, name } => format!("{module}.{name}"),
            Object::Call { callable, arguments, state } => {
                let call = shown(pickle, *callable, depth + 1) + &shown(pickle, *arguments, depth + 1);
                call + &state
                    .map(|state| format!(" with {}", shown(pickle, state, depth + 1)))
                    .unwrap_or_default()
            }
            Object::Text(text) => format!("{text:?}"),
            other @ (Object::None | Object::Bool(_) | Object::Int(_) | Object::LargeInt(_)) => {
                format!("{other:?}")
            }
            other @ (Object::Float(_) | Object::Bytes(_) | Object::Opaque) => format!("{other:?}"),
        }
    }

    #[test]
    fn every_protocol_says_the_same() {
        // pickle.dumps(ValueError("größe", 3), protocol) of Python 3.11, protocols 0 to 4.
        let pickles: [&[u8]; 5] = [
            b"cbuiltins\nValueError\np0\n(Vgr\xf6\\u00dfe\np1\nI3\ntp2\nRp3\n.",
            b"cbuiltins\nValueError\nq\x00(X\x07\x00\x00\x00gr\xc3\xb6\xc3\x9feq\x01K\x03tq\x02Rq\x03.",
            b"\x80\x02cbuiltins\nValueError\nq\x00X\x07\x00\x00\x00gr\xc3\xb6\xc3\x9feq\x01K\x03\x86q\x02Rq\x03.",
            b"\x80\x03cbuiltins\nValueError\nq\x00X\x07\x00\x00\x00gr\xc3\xb6\xc3\x9feq\x01K\x03\x86q\x02Rq\x03.",
            b"\x80\x04\x95\x28\x00\x00\x00\x00\x00\x00\x00\x8c\x08builtins\x94\x8c\nValueError\x94\x93\x94\x8c\x07gr\xc3\xb6\xc3\x9fe\x94K\x03\x86\x94R\x94.",
        ];
        for pickle in pickles {
            assert_eq!(show(pickle).as_deref(), Ok("builtins.ValueError(\"größe\", Int(3))"));
        }
    }

    #[test]
    fn collections_and_numbers() {
        assert_eq!(
            show(b"](K\x01J\xff\xff\xff\xffM\x00\x01e.").as_deref(),
            Ok("[Int(1), Int(-1), Int(256)]")
        );
        assert_eq!(show(b"}(\x8c\x01aI01\n\x8c\x01bNu.").as_deref(), Ok("{\"a\": Bool(true), \"b\": None}"));
        assert_eq!(show(b"\x8a\x01\xff.").as_deref(), Ok("Int(-1)"));
        assert_eq!(show(b"\x8a\x00.").as_deref(), Ok("Int(0)"));
        assert_eq!(show(b"L12L\n.").as_deref(), Ok("Int(12)"));
        assert_eq!(show(b"G?\xf8\x00\x00\x00\x00\x00\x00.").as_deref(), Ok("Float(1.5)"));
        assert_eq!(show(b"S'a\\n\\x41'\n.").as_deref(), Ok("\"a\\nA\""));
        assert_eq!(show(b"(lp0\nS'x'\na.").as_deref(), Ok("[\"x\"]"));
        assert_eq!(show(b"(imod\nOld\n.").as_deref(), Ok("mod.Old()"));
    }

    #[test]
    fn an_object_may_contain_itself() {
        // a = []; a.append(a)
        let pickle = Pickle::read(b"]\x94h\x00a.").unwrap();
        assert_eq!(pickle.object(pickle.root()), &Object::List(vec![pickle.root()]));
    }

    #[test]
    fn broken_and_hostile_pickles_are_errors() {
        let pickles: [&[u8]; 13] = [
            b"",
            b".",
            b"N",
            b"\xff.",
            b"0.",
            b"1.",
            b"R.",
            b"h\x05.",
            b"t.",
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
            b"X\xff\xff\xff\xff.",
            b"}(Nu.",
            b"not a pickle",
        ];
        for pickle in pickles {
            assert!(Pickle::read(pickle).is_err(), "{pickle:?}");
        }
        let mut bomb = vec![b'N'];
        bomb.extend(std::iter::repeat_n(b'2', MOST_STEPS));
        assert_eq!(Pickle::read(&bomb).unwrap_err().reason, "it has too many steps");
    }
}
