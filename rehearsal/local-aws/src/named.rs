//! Enums whose values users name: each value with its name and meaning, in one table.

use thiserror::Error;

/// No value has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected one of {}", .expected.join(", "))]
pub struct UnknownName {
    pub expected: Vec<&'static str>,
}

/// Declares such an enum: `"name" => Variant: "meaning",`. A new value is automatically part of `ALL`, parsed and
/// displayed.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        pub enum $kind:ident { $($name:literal => $variant:ident: $meaning:literal,)+ }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $kind {
            $(#[doc = $meaning] $variant,)+
        }

        impl $kind {
            /// In order of declaration.
            pub const ALL: &[$kind] = &[$($kind::$variant,)+];

            /// The name, as in options.
            pub fn name(self) -> &'static str {
                match self {
                    $($kind::$variant => $name,)+
                }
            }

            /// The meaning, a sentence for `--help`.
            pub fn meaning(self) -> &'static str {
                match self {
                    $($kind::$variant => $meaning,)+
                }
            }
        }

        impl std::str::FromStr for $kind {
            type Err = $crate::named::UnknownName;

            fn from_str(given: &str) -> Result<$kind, $crate::named::UnknownName> {
                let mut all = $kind::ALL.iter().copied();
                all.find(|value| value.name() == given)
                    .ok_or_else(|| $crate::named::UnknownName {
                        expected: $kind::ALL.iter().map(|value| value.name()).collect(),
                    })
            }
        }
    };
}

pub(crate) use named;
