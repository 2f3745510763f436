//! The step kinds: one file each. This folder is the list of what the product can do.
//!
//! A step is plain blocking code on a thread of its own. It sees [`cx::StepCx`] and nothing of the engine:
//! variables, progress, log, questions, cancel. [`run::run`] is the one match from action to file.

pub mod action_variable;
pub mod apply_network;
pub mod apply_os;
mod apply_os_empty;
mod apply_os_fat;
mod apply_os_source;
mod apply_os_target;
pub mod apply_windows;
mod capture_mark;
mod capture_names;
pub mod capture_os;
mod capture_secrets;
mod capture_survey;
mod capture_target;
mod capture_unreadable;
mod capture_volumes;
mod capture_whole;
mod capture_windows;
mod capture_write;
pub mod check;
pub mod connect_folder;
pub mod cx;
pub mod error;
pub mod fat;
pub mod fat_check;
mod fat_device;
mod fat_names;
mod fat_patch;
mod fat_time;
mod fat_write;
mod hive;
mod open;
pub mod partition_disk;
pub mod partition_layout;
pub mod pause;
pub mod restart;
mod rights;
pub mod run;
pub mod run_command;
pub mod set_variable;
pub mod target;
#[doc(hidden)]
pub mod testing;
pub mod volumes;
