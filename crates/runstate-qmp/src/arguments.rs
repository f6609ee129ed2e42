//! Arguments of a command, checked in QEMU's order and refused in QEMU's words.
//!
//! What QEMU generates from the schema reads the members in schema order, and only then looks for members that
//! the schema does not have. A handler that calls [`Arguments`] in the same order refuses the same input with the
//! same words: qapi/qobject-input-visitor.c and qapi/qapi-visit-core.c.
//!
//! ```
//! use runstate_qmp::arguments::Arguments;
//! use runstate_qmp::{Error, Object, object};
//!
//! /// `watchdog-set-action`.
//! fn watchdog_set_action(arguments: &Object) -> Result<&'static str, Error> {
//!     const ACTIONS: [&str; 3] = ["reset", "pause", "none"];
//!     let mut arguments = Arguments::new(arguments);
//!     let action = arguments.required("action")?;
//!     let action = action.one_of(|name| ACTIONS.into_iter().find(|action| *action == name))?;
//!     arguments.finish()?;
//!     Ok(action)
//! }
//!
//! assert_eq!(watchdog_set_action(&object! { "action": "pause" }), Ok("pause"));
//! let refused = |arguments| watchdog_set_action(&arguments).expect_err("it is refused").to_string();
//! assert_eq!(refused(object! {}), "Parameter 'action' is missing");
//! assert_eq!(refused(object! { "action": "off" }), "Parameter 'action' does not accept value 'off'");
//! assert_eq!(refused(object! { "action": "none", "foo": 1 }), "Parameter 'foo' is unexpected");
//! ```

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Error, Object, Value, glib};

/// The members of a command's arguments, or of a struct within them.
#[derive(Debug)]
pub struct Arguments<'a> {
    object: &'a Object,
    /// The full name of the struct within the arguments, empty for the arguments themselves.
    path: String,
    /// The members that have been asked for and are there, in that order.
    taken: Vec<&'a str>,
}

/// One argument, or an element of an array.
#[derive(Clone, Debug)]
pub struct Argument<'a> {
    value: &'a Value,
    /// The full name of the struct or array it is in.
    path: String,
    place: Place<'a>,
}

/// Where an argument is in what holds it.
#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    Member(&'a str),
    Element(usize),
}

impl<'a> Arguments<'a> {
    /// The arguments of a command.
    #[must_use]
    pub const fn new(object: &'a Object) -> Self {
        Self {
            object,
            path: String::new(),
            taken: Vec::new(),
        }
    }

    /// A member that must be there.
    ///
    /// # Errors
    ///
    /// `Parameter 'NAME' is missing`.
    pub fn required(&mut self, name: &'a str) -> Result<Argument<'a>, Error> {
        self.optional(name).ok_or_else(|| {
            let name = full_name(&self.path, Place::Member(name));
            Error::generic(format!("Parameter '{name}' is missing"))
        })
    }

    /// A member that may be there. `null` is there.
    pub fn optional(&mut self, name: &'a str) -> Option<Argument<'a>> {
        let value = self.object.get(name)?;
        if !self.taken.contains(&name) {
            self.taken.push(name);
        }
        Some(Argument {
            value,
            path: self.path.clone(),
            place: Place::Member(name),
        })
    }

    /// Ends the arguments: there may be no more members than those asked for. `qobject_input_check_struct()`.
    ///
    /// # Errors
    ///
    /// `Parameter 'NAME' is unexpected`. Of several, the one that QEMU would report.
    pub fn finish(self) -> Result<(), Error> {
        if self.taken.len() == self.object.len() {
            return Ok(());
        }
        let in_order = || self.object.iter_as_qemu().map(|(key, _)| key);
        let unexpected = if self.object.len() <= glib::MAX_KEYS {
            glib::first_left(in_order(), self.taken.iter().copied())
        } else {
            in_order().find(|key| !self.taken.contains(key))
        };
        let Some(unexpected) = unexpected else {
            return Ok(());
        };
        let name = full_name(&self.path, Place::Member(unexpected));
        Err(Error::generic(format!("Parameter '{name}' is unexpected")))
    }
}

impl<'a> Argument<'a> {
    /// The value as it came: QAPI's type `any`.
    #[must_use]
    pub const fn any(&self) -> &'a Value {
        self.value
    }

    /// A string: QAPI's type `str`.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: string`.
    pub fn string(&self) -> Result<&'a str, Error> {
        self.value.as_str().ok_or_else(|| self.expected("string"))
    }

    /// A truth value: QAPI's type `bool`.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: boolean`.
    pub fn boolean(&self) -> Result<bool, Error> {
        self.value.as_bool().ok_or_else(|| self.expected("boolean"))
    }

    /// A whole number that fits in 64 bits with sign: QAPI's types `int` and `int64`.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: integer`. A number written with a point or an exponent is
    /// none, even if it is whole.
    pub fn int64(&self) -> Result<i64, Error> {
        self.value.as_i64().ok_or_else(|| self.expected("integer"))
    }

    /// A whole number that fits in 64 bits without sign: QAPI's types `uint64` and `size`. Negative numbers are
    /// taken modulo 2^64, as QEMU takes them.
    ///
    /// # Errors
    ///
    /// `Parameter 'NAME' expects uint64`.
    pub fn uint64(&self) -> Result<u64, Error> {
        match *self.value {
            Value::Int(value) => Ok(value.cast_unsigned()),
            Value::Uint(value) => Ok(value),
            Value::Null
            | Value::Bool(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => Err(self.expects("uint64", true)),
        }
    }

    /// A smaller whole number: QAPI's types `int8` to `int32`.
    ///
    /// # Errors
    ///
    /// As for [`int64`](Self::int64), and `Parameter 'NAME' expects int32_t` for one that does not fit.
    /// `visit_type_intN()`, qapi/qapi-visit-core.c.
    pub fn int<T: SmallInt>(&self) -> Result<T, Error> {
        let value = self.int64()?;
        T::from_wide(i128::from(value)).ok_or_else(|| self.expects(T::C_NAME, false))
    }

    /// A smaller whole number: QAPI's types `uint8` to `uint32`.
    ///
    /// # Errors
    ///
    /// As for [`uint64`](Self::uint64), and `Parameter 'NAME' expects uint32_t` for one that does not fit.
    /// `visit_type_uintN()`, qapi/qapi-visit-core.c.
    pub fn uint<T: SmallInt>(&self) -> Result<T, Error> {
        let value = self.uint64()?;
        T::from_wide(i128::from(value)).ok_or_else(|| self.expects(T::C_NAME, false))
    }

    /// Any number: QAPI's type `number`.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: number`.
    pub fn number(&self) -> Result<f64, Error> {
        self.value.as_f64().ok_or_else(|| self.expected("number"))
    }

    /// `null`: QAPI's type `null`.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: null`.
    pub fn null(&self) -> Result<(), Error> {
        if matches!(self.value, Value::Null) {
            Ok(())
        } else {
            Err(self.expected("null"))
        }
    }

    /// A value of an enumeration. `from_name` finds it by its name. `input_type_enum()`, qapi/qapi-visit-core.c.
    ///
    /// # Errors
    ///
    /// As for [`string`](Self::string), and `Parameter 'NAME' does not accept value 'VALUE'`, where NAME is `null`
    /// for an element of an array.
    pub fn one_of<T>(&self, from_name: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Error> {
        let value = self.string()?;
        from_name(value).ok_or_else(|| {
            Error::generic(format!(
                "Parameter '{}' does not accept value '{value}'",
                self.own_name()
            ))
        })
    }

    /// The elements of an array.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: array`.
    pub fn array(&self) -> Result<impl ExactSizeIterator<Item = Self> + use<'a>, Error> {
        let elements = self.value.as_array().ok_or_else(|| self.expected("array"))?;
        let path = self.full_name();
        Ok(elements.iter().enumerate().map(move |(at, value)| Self {
            value,
            path: path.clone(),
            place: Place::Element(at),
        }))
    }

    /// The members of a struct.
    ///
    /// # Errors
    ///
    /// `Invalid parameter type for 'NAME', expected: object`.
    pub fn structure(&self) -> Result<Arguments<'a>, Error> {
        let object = self.value.as_object().ok_or_else(|| self.expected("object"))?;
        Ok(Arguments {
            object,
            path: self.full_name(),
            taken: Vec::new(),
        })
    }

    /// `Invalid parameter type for 'NAME', expected: WHAT`, for a type that has no method here: an alternate says
    /// its own name.
    #[must_use]
    pub fn expected(&self, what: &str) -> Error {
        Error::generic(format!(
            "Invalid parameter type for '{}', expected: {what}",
            self.full_name()
        ))
    }

    /// The name with the names of all that it is in: `a.b[0].c`. `full_name()`, qapi/qobject-input-visitor.c.
    #[must_use]
    pub fn full_name(&self) -> String {
        full_name(&self.path, self.place)
    }

    fn expects(&self, what: &str, full: bool) -> Error {
        let name = if full {
            self.full_name()
        } else {
            String::from(self.own_name())
        };
        Error::generic(format!("Parameter '{name}' expects {what}"))
    }

    /// The name in what holds it: an element of an array has none, and QEMU then says `null`.
    const fn own_name(&self) -> &'a str {
        match self.place {
            Place::Member(name) => name,
            Place::Element(_) => "null",
        }
    }
}

fn full_name(path: &str, place: Place<'_>) -> String {
    match place {
        Place::Member(name) if path.is_empty() => String::from(name),
        Place::Member(name) => format!("{path}.{name}"),
        Place::Element(at) => format!("{path}[{at}]"),
    }
}

/// The whole numbers of QAPI that are smaller than 64 bits.
pub trait SmallInt: Sized {
    /// The type's name in C, which is in QEMU's error.
    const C_NAME: &'static str;

    /// The number, if it fits.
    fn from_wide(value: i128) -> Option<Self>;
}

macro_rules! small_int {
    ($($type:ty: $name:literal),*) => {
        $(
            impl SmallInt for $type {
                const C_NAME: &'static str = $name;

                fn from_wide(value: i128) -> Option<Self> {
                    Self::try_from(value).ok()
                }
            }
        )*
    };
}

small_int! {
    i8: "int8_t", i16: "int16_t", i32: "int32_t",
    u8: "uint8_t", u16: "uint16_t", u32: "uint32_t"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    fn refused(value: impl Into<Value>, read: impl FnOnce(&Argument<'_>) -> Option<Error>) -> String {
        let object = Object::new().with("a", value);
        let argument = Arguments::new(&object).required("a").expect("it is there");
        read(&argument).expect("it is refused").to_string()
    }

    #[test]
    fn types_are_refused_by_name() {
        let expected = |what: &str| format!("Invalid parameter type for 'a', expected: {what}");
        assert_eq!(refused(1, |a| a.string().err()), expected("string"));
        assert_eq!(refused((), |a| a.string().err()), expected("string"));
        assert_eq!(refused("true", |a| a.boolean().err()), expected("boolean"));
        assert_eq!(refused(1.0, |a| a.int64().err()), expected("integer"));
        assert_eq!(refused(1_u64 << 63, |a| a.int64().err()), expected("integer"));
        assert_eq!(refused("1", |a| a.number().err()), expected("number"));
        assert_eq!(refused(false, |a| a.null().err()), expected("null"));
        assert_eq!(refused("oob", |a| a.array().err()), expected("array"));
        assert_eq!(refused([1], |a| a.structure().err()), expected("object"));
        assert_eq!(
            refused(1, |a| Some(a.expected("StrOrNull"))),
            expected("StrOrNull")
        );
        assert_eq!(refused(0.5, |a| a.uint64().err()), "Parameter 'a' expects uint64");
    }

    #[test]
    fn numbers_have_the_range_of_their_type() {
        let object = object! { "a": -1, "b": 300, "c": u64::MAX, "d": 7 };
        let mut arguments = Arguments::new(&object);
        let mut argument = |name| arguments.required(name).expect("it is there");
        assert_eq!(argument("a").uint64(), Ok(u64::MAX));
        assert_eq!(argument("a").int::<i8>(), Ok(-1));
        assert_eq!(argument("c").uint64(), Ok(u64::MAX));
        assert_eq!(argument("c").number(), Ok(18_446_744_073_709_551_615.0));
        assert_eq!(argument("d").uint::<u32>(), Ok(7));
        let words = |result: Result<u8, Error>| result.expect_err("it is refused").to_string();
        assert_eq!(words(argument("b").uint()), "Parameter 'b' expects uint8_t");
        assert_eq!(words(argument("b").int()), "Parameter 'b' expects uint8_t");
        assert_eq!(words(argument("a").uint()), "Parameter 'a' expects uint8_t");
    }

    #[test]
    fn nested_arguments_have_full_names() {
        let object = object! { "a": [Value::from(object! { "b": 1, "c": "x", "d": 0 })] };
        let mut arguments = Arguments::new(&object);
        let element = arguments
            .required("a")
            .expect("it is there")
            .array()
            .expect("an array")
            .next();
        let mut inner = element.expect("one element").structure().expect("a struct");
        let words = |error: Error| error.to_string();
        assert_eq!(
            inner.required("z").map_err(words).expect_err("missing"),
            "Parameter 'a[0].z' is missing"
        );
        let b = inner.required("b").expect("it is there");
        assert_eq!(b.full_name(), "a[0].b");
        let c = inner.required("c").expect("it is there").one_of(|_| None::<()>);
        assert_eq!(
            c.map_err(words),
            Err(String::from("Parameter 'c' does not accept value 'x'"))
        );
        assert_eq!(
            inner.finish().map_err(words),
            Err(String::from("Parameter 'a[0].d' is unexpected"))
        );
    }

    #[test]
    fn of_several_unexpected_arguments_qemus_choice_is_reported() {
        let finish = |object: Object| {
            Arguments::new(&object)
                .finish()
                .map_err(|error| error.to_string())
        };
        assert_eq!(finish(object! {}), Ok(()));
        // Recorded on QEMU 7.2.22.
        let several = object! { "a": 1, "b": 2, "c": 3 };
        assert_eq!(finish(several), Err(String::from("Parameter 'b' is unexpected")));
        let many: Object = (0..=glib::MAX_KEYS).map(|n| (format!("{n}"), n)).collect();
        assert!(finish(many).is_err_and(|words| words.ends_with("is unexpected")));
    }

    #[test]
    fn an_argument_may_be_asked_for_twice() {
        let object = object! { "a": 1 };
        let mut arguments = Arguments::new(&object);
        assert!(arguments.optional("a").is_some() && arguments.optional("a").is_some());
        assert!(arguments.optional("b").is_none());
        assert_eq!(arguments.finish(), Ok(()));
    }
}
