//! Child processes. TO BE WRITTEN.
