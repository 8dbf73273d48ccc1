//! Lists filled at start-up, from anywhere in the program: what `tract` needs of the crate named `inventory`.
//!
//! A type is made a list's element by [`collect!`], elements are added by [`submit!`] outside any function, and
//! `iter::<T>` walks them in no particular order. Each submission is a constructor that the linker's start-up code calls.
//!
//! The difference from the published crate: in WebAssembly [`submit!`] leaves out what serves tools and not
//! ranking: tract's model transforms (they keep its NNEF reader and every registered operator alive, 4 MB), its
//! runtimes by name, the list of its knobs, and its routines for functions that a student network must not hold
//! (softmax, tanh, …: what needs them gets an error from `tract`). The matrix kernels stay.
//!
//! # Constructors in WebAssembly
//!
//! `wasm-ld` gathers the constructors in `__wasm_call_ctors`. When nothing calls that function, the linker makes every
//! export call it first. A module should therefore call it once, from its start function; calling it again does
//! no harm:
//!
//! ```
//! # #[cfg(target_family = "wasm")]
//! unsafe extern "C" {
//!     fn __wasm_call_ctors();
//! }
//! ```
#![no_std]

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A type whose values can be submitted; implemented by [`collect!`].
pub trait Collect: Sync + Sized + 'static {
    #[doc(hidden)]
    fn list() -> &'static List;
}

/// A linked list of the values of one type.
#[doc(hidden)]
#[derive(Default)]
pub struct List(AtomicPtr<Entry>);

/// One submission: its value, once linked, and the entry after it.
#[doc(hidden)]
#[derive(Default)]
pub struct Entry {
    value: AtomicPtr<()>,
    next: AtomicPtr<Entry>,
}

impl List {
    /// An empty list.
    #[doc(hidden)]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }
}

impl Entry {
    /// An entry in no list.
    #[doc(hidden)]
    pub const fn new() -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()), next: AtomicPtr::new(ptr::null_mut()) }
    }
}

/// A value of any type that [`collect!`] was called for.
#[doc(hidden)]
pub trait Submission: Sync {
    /// Puts the value at its type's list's head; a second call does nothing.
    fn link(&'static self, entry: &'static Entry);
}

impl<T: Collect> Submission for T {
    fn link(&'static self, entry: &'static Entry) {
        let value = ptr::from_ref(self).cast_mut().cast();
        if !entry.value.swap(value, Ordering::AcqRel).is_null() {
            return;
        }
        let head = &T::list().0;
        let mut first = head.load(Ordering::Acquire);
        loop {
            entry.next.store(first, Ordering::Relaxed);
            let this = ptr::from_ref(entry).cast_mut();
            match head.compare_exchange_weak(first, this, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }
}

/// All values of one type that were submitted: `iter::<T>` is a value to iterate, `iter::<T>()` an iterator.
#[doc(hidden)]
#[allow(non_camel_case_types)]
pub enum Submitted<T> {
    #[doc(hidden)]
    Never(core::convert::Infallible, PhantomData<T>),
    iter,
}
#[doc(hidden)]
pub use Submitted::iter;

impl<T: Collect> core::ops::Deref for Submitted<T> {
    type Target = fn() -> Iter<T>;

    fn deref(&self) -> &Self::Target {
        &(Iter::first as fn() -> Iter<T>)
    }
}

impl<T: Collect> IntoIterator for Submitted<T> {
    type Item = &'static T;
    type IntoIter = Iter<T>;

    fn into_iter(self) -> Iter<T> {
        Iter::first()
    }
}

/// Walks the values of one type.
pub struct Iter<T: 'static>(*const Entry, PhantomData<&'static T>);

impl<T: Collect> Iter<T> {
    fn first() -> Self {
        Self(T::list().0.load(Ordering::Acquire), PhantomData)
    }
}

impl<T> Clone for Iter<T> {
    fn clone(&self) -> Self {
        Self(self.0, PhantomData)
    }
}

impl<T> Iterator for Iter<T> {
    type Item = &'static T;

    fn next(&mut self) -> Option<&'static T> {
        // SAFETY: a list and its entries hold null or what `link` made from a `&'static Entry`.
        let entry: &'static Entry = unsafe { self.0.as_ref() }?;
        self.0 = entry.next.load(Ordering::Acquire);
        // SAFETY: `link` is the only writer; an entry in this type's list holds a `&'static T`.
        unsafe { entry.value.load(Ordering::Acquire).cast::<T>().as_ref() }
    }
}

/// Makes a type of this crate one that can be submitted.
#[macro_export]
macro_rules! collect {
    ($element:ty) => {
        impl $crate::Collect for $element {
            fn list() -> &'static $crate::List {
                static LIST: $crate::List = $crate::List::new();
                &LIST
            }
        }
    };
}

/// Adds a value, written as a struct expression or a call of a tuple struct, to its type's list.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! submit {
    ($($value:tt)*) => { $crate::__submit! { $($value)* } };
}

/// Adds a value to its type's list, unless it is one of tract's that only tools use.
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! submit {
    (ModelTransformFactory $($rest:tt)*) => {};
    ($root:tt :: transform :: ModelTransformFactory $($rest:tt)*) => {};
    ($root:tt :: runtime :: InventorizedRuntime $($rest:tt)*) => {};
    ($root:tt :: knobs :: KnobInfo $($rest:tt)*) => {};
    ($root:tt :: routines :: Routine $($rest:tt)*) => {};
    ($root:tt :: routines :: Settled $($rest:tt)*) => {};
    ($($value:tt)*) => { $crate::__submit! { $($value)* } };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __submit {
    ($($value:tt)*) => {
        const _: () = {
            static ENTRY: $crate::Entry = $crate::Entry::new();
            static VALUE: &dyn $crate::Submission = &{ $($value)* };

            extern "C" fn construct() {
                $crate::Submission::link(VALUE, &ENTRY);
            }

            #[used]
            #[cfg_attr(
                target_vendor = "apple",
                unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs")
            )]
            #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
            #[cfg_attr(not(any(windows, target_vendor = "apple")), unsafe(link_section = ".init_array"))]
            static CONSTRUCT: extern "C" fn() = construct;
        };
    };
}
