//! The answer file that an image brings along: settings steps merge into it, so they must be able to read it, and that is
//! found out before anything is wiped.

use crate::regular;
use crate::sequence::plan::NodeDef;
use crate::sequence::schema::Action;
use crate::step::target;
use crate::unattend::{Document, LARGEST, UnattendError};
use crate::wim::Wim;

use super::Checker;

const SUBJECT: &str = "answer file";
const WAY_OUT: &str = "Correct the file in the image, or take it out of the image.";

/// Reads it as the steps will; `index` is the image that brings Windows.
pub(super) fn check(wim: &Wim, index: u32, c: &mut Checker<'_>) {
    let planned = c.cx.planned;
    let mut all = planned.plan.nodes.iter().zip(&planned.defs);
    let wanted = all.any(|(node, def)| match def {
        NodeDef::Step(step) if !node.disabled => matches!(
            step.action,
            Action::ApplyWindowsSettings(_) | Action::ApplyNetworkSettings(_)
        ),
        _ => false,
    });
    if !wanted {
        return;
    }
    let parts = ["Windows", "Panther", "unattend.xml"];
    let unseen = |error: &dyn std::fmt::Display, c: &mut Checker<'_>| {
        let text = format!("whether the image has one that can be read is not known: {error}");
        c.warn(SUBJECT, text, "The step that needs it may fail.");
    };
    // Its passwords are nobody's business: the folder is private, and gone when this ends.
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return unseen(&error, c),
    };
    let file = match wim.small_file(index, &parts, LARGEST, folder.path()) {
        Ok(Some(file)) => file,
        Ok(None) => return,
        Err(error) => return unseen(&error, c),
    };
    let bytes = match file.copy.as_deref().map(regular::read).transpose() {
        Ok(bytes) => bytes,
        Err(error) => return unseen(&error, c),
    };
    let processor = target::architecture(&c.step);
    let document = match &bytes {
        Some(bytes) => Document::parse(bytes, &file.path, processor),
        None => Err(UnattendError::Bad {
            file: file.path.clone(),
            what: format!("it has more than {LARGEST} bytes"),
        }),
    };
    match document {
        Ok(document) => {
            let foreign = document.foreign_only().join(" and ");
            if foreign.is_empty() {
                let text = format!("{} of the image: settings are merged into it", file.path);
                c.fine(SUBJECT, text);
            } else {
                let text = format!(
                    "{} of the image was made for {foreign} only; Windows for {processor} reads none of its other settings",
                    file.path
                );
                c.warn(
                    SUBJECT,
                    text,
                    "Add components for this processor, if it needs those settings.",
                );
            }
        }
        Err(error) => c.block(SUBJECT, error.to_string(), WAY_OUT),
    }
}
