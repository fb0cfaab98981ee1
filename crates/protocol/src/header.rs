//! Strict JSON: one pass that refuses what lets two readers disagree, and picks out type and id.
//!
//! The pass walks the whole object, whatever it holds, so that a key that comes twice is found at
//! any depth, also in fields that nobody reads. Messages that have no field beside `type` and `id`
//! are done then; the others are read a second time into their fields.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::message::{Code, Failure, Id};

/// Why a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is not JSON, or something comes behind the object.
    #[error("the header is not JSON: {0}")]
    Syntax(Reason),
    /// It is JSON and not an object.
    #[error("the header is not a JSON object")]
    NotAnObject,
    /// An object, of any depth, has a key twice.
    #[error("the header has a key twice: {0}")]
    DuplicateKey(Reason),
    /// Objects and arrays are nested past 32 levels.
    #[error("the header is nested past {MAX_DEPTH} levels")]
    TooDeep,
    /// There is no `type`.
    #[error("the header has no type")]
    NoType,
    /// The `type` is not a string, or the `id` is not an integer of 64 bits.
    #[error("type must be a string and id an integer of 64 bits: {0}")]
    WrongTag(Reason),
    /// The connection's first message is not `hello`, or its answer neither `welcome` nor `error`.
    #[error("a connection begins with hello and welcome")]
    NotAGreeting,
    /// The `type` is not of this version.
    #[error("unknown message type `{kind}`")]
    Unknown {
        /// What the `type` says.
        kind: String,
        /// The `id`, if there is one.
        id: Option<Id>,
    },
    /// A field that the type needs is missing or of the wrong shape.
    #[error("`{kind}`: {reason}")]
    Fields {
        /// The `type`.
        kind: String,
        /// Which field and what is wrong.
        reason: Reason,
    },
}

impl HeaderError {
    /// What to tell the peer. Its own words are quoted, but not at any length.
    pub(crate) fn failure(&self) -> Failure {
        let code = if let Self::Unknown { .. } = self { Code::Unknown } else { Code::Protocol };
        Failure::new(code, self.to_string().chars().take(MAX_QUOTE).collect::<String>())
    }
}

/// What the JSON reader objected to, and where. It may quote the peer: escape it before a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<serde_json::Error> for Reason {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// What the first pass found in a header that is strict JSON.
#[derive(Debug)]
pub(crate) struct Preview<'h> {
    pub(crate) kind: Cow<'h, str>,
    pub(crate) id: Option<Id>,
}

impl Preview<'_> {
    /// The id of a message that must have one.
    pub(crate) fn id(&self) -> Result<Id, HeaderError> {
        self.id.ok_or_else(|| HeaderError::Fields {
            kind: self.kind.to_string(),
            reason: Reason("missing field `id`".to_owned()),
        })
    }

    /// The other fields, from the same header.
    pub(crate) fn fields<T: DeserializeOwned>(&self, header: &[u8]) -> Result<T, HeaderError> {
        serde_json::from_slice(header).map_err(|error| HeaderError::Fields {
            kind: self.kind.to_string(),
            reason: error.into(),
        })
    }

    pub(crate) fn unknown(&self) -> HeaderError {
        HeaderError::Unknown { kind: self.kind.to_string(), id: self.id }
    }
}

/// Walks a whole header.
pub(crate) fn preview(header: &[u8]) -> Result<Preview<'_>, HeaderError> {
    let found = Cell::new(Found::Syntax);
    let tags = walk(header, &found, Top { found: &found })?;
    let kind = tags.kind.ok_or(HeaderError::NoType)?;
    Ok(Preview { kind, id: tags.id })
}

/// Reads an object that is no message, as strictly.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, HeaderError> {
    let found = Cell::new(Found::Syntax);
    walk(json, &found, Inner { found: &found, depth: 0 })?;
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(HeaderError::NotAnObject);
    }
    serde_json::from_slice(json).map_err(|error| HeaderError::Syntax(error.into()))
}

fn walk<'h, S: DeserializeSeed<'h>>(
    json: &'h [u8],
    found: &Cell<Found>,
    walker: S,
) -> Result<S::Value, HeaderError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = walker.deserialize(&mut reader);
    value.and_then(|value| reader.end().map(|()| value)).map_err(|error| {
        let found = if error.is_data() { found.get() } else { Found::Syntax };
        match found {
            Found::Syntax => HeaderError::Syntax(error.into()),
            Found::NotAnObject => HeaderError::NotAnObject,
            Found::Duplicate => HeaderError::DuplicateKey(error.into()),
            Found::TooDeep => HeaderError::TooDeep,
            Found::WrongTag => HeaderError::WrongTag(error.into()),
        }
    })
}

/// What made the walk stop; serde's own error carries only text.
#[derive(Clone, Copy)]
enum Found {
    Syntax,
    NotAnObject,
    Duplicate,
    TooDeep,
    WrongTag,
}

#[derive(Default)]
struct Tags<'h> {
    kind: Option<Cow<'h, str>>,
    id: Option<Id>,
}

/// The header itself.
struct Top<'f> {
    found: &'f Cell<Found>,
}

impl<'h> DeserializeSeed<'h> for Top<'_> {
    type Value = Tags<'h>;

    fn deserialize<D: Deserializer<'h>>(self, deserializer: D) -> Result<Tags<'h>, D::Error> {
        self.found.set(Found::NotAnObject);
        deserializer.deserialize_map(self)
    }
}

impl<'h> Visitor<'h> for Top<'_> {
    type Value = Tags<'h>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'h>>(self, mut map: A) -> Result<Tags<'h>, A::Error> {
        self.found.set(Found::Syntax);
        let mut tags = Tags::default();
        let mut keys = Keys::default();
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            match &*key {
                "type" | "id" => {
                    self.found.set(Found::WrongTag);
                    if key == "type" {
                        refuse_if(tags.kind.is_some(), self.found)?;
                        tags.kind = Some(map.next_value_seed(KeySeed)?.0);
                    } else {
                        refuse_if(tags.id.is_some(), self.found)?;
                        tags.id = Some(map.next_value()?);
                    }
                    self.found.set(Found::Syntax);
                }
                _ => {
                    keys.insert(key, self.found)?;
                    map.next_value_seed(Inner { found: self.found, depth: 1 })?;
                }
            }
        }
        keys.finish(self.found)?;
        Ok(tags)
    }
}

/// Any value inside, `depth` levels down.
#[derive(Clone, Copy)]
struct Inner<'f> {
    found: &'f Cell<Found>,
    depth: usize,
}

impl Inner<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            self.found.set(Found::TooDeep);
            return Err(E::custom("nested too deep"));
        }
        Ok(Self { depth: self.depth.saturating_add(1), ..self })
    }
}

impl<'h> DeserializeSeed<'h> for Inner<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'h>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'h> Visitor<'h> for Inner<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'h>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'h>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = Keys::default();
        while let Some(Key(key)) = map.next_key_seed(KeySeed)? {
            keys.insert(key, self.found)?;
            map.next_value_seed(inner)?;
        }
        keys.finish(self.found)
    }
}

/// The keys of one object, compared after unescaping. A few need no heap; more than that are
/// sorted once at the end of the object, which keeps a header full of keys from costing its square.
#[derive(Default)]
struct Keys<'h> {
    few: [Option<&'h str>; 8],
    many: Vec<Cow<'h, str>>,
}

impl<'h> Keys<'h> {
    fn insert<E>(&mut self, key: Cow<'h, str>, found: &Cell<Found>) -> Result<(), E>
    where
        E: serde::de::Error,
    {
        let Cow::Borrowed(plain) = key else {
            self.many.push(key);
            return Ok(());
        };
        for slot in &mut self.few {
            let Some(seen) = slot else {
                *slot = Some(plain);
                return Ok(());
            };
            refuse_if(*seen == plain, found)?;
        }
        self.many.push(key);
        Ok(())
    }

    fn finish<E: serde::de::Error>(mut self, found: &Cell<Found>) -> Result<(), E> {
        if self.many.is_empty() {
            return Ok(());
        }
        self.many.extend(self.few.into_iter().flatten().map(Cow::Borrowed));
        self.many.sort_unstable();
        let twice = self.many.iter().zip(self.many.iter().skip(1)).any(|(a, b)| a == b);
        refuse_if(twice, found)
    }
}

fn refuse_if<E: serde::de::Error>(twice: bool, found: &Cell<Found>) -> Result<(), E> {
    if twice {
        found.set(Found::Duplicate);
        return Err(E::custom("duplicate key"));
    }
    Ok(())
}

/// A string, borrowed from the header unless it has escapes.
struct KeySeed;

struct Key<'h>(Cow<'h, str>);

impl<'h> DeserializeSeed<'h> for KeySeed {
    type Value = Key<'h>;

    fn deserialize<D: Deserializer<'h>>(self, deserializer: D) -> Result<Key<'h>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'h> Visitor<'h> for KeySeed {
    type Value = Key<'h>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'h str) -> Result<Key<'h>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Key<'h>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

/// How many characters of what is wrong with a header are told.
const MAX_QUOTE: usize = 200;

/// How deep objects and arrays may be nested, the header itself counted.
const MAX_DEPTH: usize = 32;
