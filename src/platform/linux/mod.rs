//! Linux. TO BE WRITTEN.
