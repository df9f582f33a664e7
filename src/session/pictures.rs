//! Figures in pixels, beside those in SVG that a command writes into a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use rayon::prelude::*;
use resvg::usvg::fontdb::Database;
use retort_report::{Fonts, png};

use super::outlet::{self, Files};
use super::{Remark, Workspace};

/// DejaVu, and this machine's own fonts for what it lacks.
static FONTS: LazyLock<Fonts> = LazyLock::new(|| Fonts::and(Database::load_system_fonts));

/// The files with a picture of each figure, but where the folder has the figure and a picture of it already.
///
/// A folder's files are written in the order of their names, a picture before its figure: whoever was killed between the
/// two finds the figure to be another and draws both again.
pub(crate) fn beside(files: Files, folder: &Path, workspace: &Workspace) -> Files {
    let wanted: Vec<(String, &str, &str)> = files
        .iter()
        .filter_map(|(name, bytes)| {
            let picture = format!("{}.png", name.strip_suffix(".svg")?);
            let there = outlet::holds(&folder.join(name), bytes) && is_plain(&folder.join(&picture));
            if there { None } else { Some((picture, name.as_str(), std::str::from_utf8(bytes).ok()?)) }
        })
        .collect();
    let drawn: Vec<_> = wanted.par_iter().map(|(picture, name, svg)| (picture, name, png(svg, &FONTS))).collect();
    let mut pictures = BTreeMap::new();
    for (picture, name, drawn) in drawn {
        match drawn {
            Ok(bytes) => {
                pictures.insert(picture.clone(), bytes);
            }
            Err(error) => {
                let (figure, why) = ((*name).to_owned(), error.to_string());
                workspace.tell(&Remark::NoPicture { figure, why });
            }
        }
    }
    pictures.extend(files);
    pictures
}

/// The names of the pictures of all figures among the files: those that were not drawn again stay.
pub(crate) fn names(files: &Files) -> BTreeSet<String> {
    files.keys().filter_map(|name| Some(format!("{}.png", name.strip_suffix(".svg")?))).collect()
}

fn is_plain(path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}
