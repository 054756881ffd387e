//! Catalogs: the one list of a family of components from which the configuration enum, the boxed trait object and the
//! gradient-check cases expand. A component cannot be registered without being checked.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Reads `"tanh"` as `{ kind = "tanh" }`, and a table as it is.
pub fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Named<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name, or a table with the key `kind`")
        }
        fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
            T::deserialize(MapDeserializer::new(std::iter::once(("kind", name))))
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Named(PhantomData))
}

/// Declares the catalog of a family.
///
/// `catalog! { /// docs  pub enum Activations; Box<dyn Layer>, Box<dyn GenericLayer> = |a| Box::new(Pointwise(a));
/// Tanh = "tanh", … }` gives an enum with
/// one variant a component, read and written by serde as a name or a table with `kind`, with `boxed()` (the trait object),
/// `generic()` (the trait object with the number types of the gradient check), `all()` (each component with its default parameters, for the gradient check) and `NAMES`.
#[macro_export]
macro_rules! catalog {
    ($(#[$meta:meta])* pub enum $family:ident; $object:ty, $generic:ty = $box:expr; $($component:ident = $name:literal),+ $(,)?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $family {
            $(#[doc = concat!("`", $name, "`.")] $component($component),)+
        }

        const _: () = {
            use $crate::serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            #[serde(tag = "kind", crate = "layerwise_core::serde")]
            enum Tagged {
                $(#[serde(rename = $name)] $component($component),)+
            }

            impl<'de> Deserialize<'de> for $family {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Ok(match $crate::catalog::named::<Tagged, D>(deserializer)? {
                        $(Tagged::$component(c) => $family::$component(c),)+
                    })
                }
            }
            impl Serialize for $family {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    match self.clone() {
                        $($family::$component(c) => Tagged::$component(c).serialize(serializer),)+
                    }
                }
            }
        };

        impl $family {
            /// The names of the whole family.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
            /// The types of the whole family.
            pub const TYPES: &'static [&'static str] = &[$(stringify!($component)),+];

            /// Each component with its default parameters.
            pub fn all() -> Vec<$family> {
                vec![$($family::$component($component::default())),+]
            }

            /// The component's name.
            pub fn name(&self) -> &'static str {
                match self {
                    $($family::$component(_) => $name,)+
                }
            }

            /// The component with every number type of the gradient check. Compiled only where it is called.
            #[inline]
            pub fn generic(&self) -> $generic {
                match self {
                    $($family::$component(c) => {
                        let make: fn($component) -> $generic = $box;
                        make(c.clone())
                    })+
                }
            }

            /// The component as a trait object.
            pub fn boxed(&self) -> $object {
                match self {
                    $($family::$component(c) => {
                        let make: fn($component) -> $object = $box;
                        make(c.clone())
                    })+
                }
            }
        }

        $(impl From<$component> for $family {
            fn from(component: $component) -> Self {
                $family::$component(component)
            }
        })+
    };
}
