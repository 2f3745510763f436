//! WIM files through wimlib: a small safe wrapper. `ffi` is the only module with `unsafe`.
//!
//! wimlib tells its troubles on one stream per process, so calls into it take turns: two [`Wim`]s may exist at a
//! time, but while one captures the other waits.

mod append;
pub mod error;
pub mod ffi;
pub mod file;
mod header;
mod kept_xml;
pub mod one_file;
pub mod progress;
pub mod reparse;
pub mod survey;
pub mod types;
mod xml_guard;

pub use error::{WimError, WimlibCause};
pub use ffi::{Entry, Stream};
pub use file::Wim;
pub use one_file::SmallFile;
pub use progress::{Monitor, Silent, WimPhase, WimProgress};
pub use survey::Survey;
pub use types::{
    Architecture, ImageInfo, WimCompression, WimInfo, WriteOptions, windows_exclusions,
};
