//! The reports of a pipeline: read from the store, and written as pages, tables and figures.

use std::path::{Path, PathBuf};

use retort_artifact::{ArtifactKind, ReportFiles};
use retort_plan::Found;
use retort_report::{Opening, Provenance, Report, Table};
use retort_spec::InstanceId;

use super::duration::duration;
use super::outlet::{self, Contents};
use super::{Remark, Results, Selection, Session, SessionError, pictures, setup};

/// The most bytes of a provenance that is read back.
const PROVENANCE_BYTES_MAX: u64 = 16 << 20;

/// A report as it is kept.
#[derive(Debug, Clone)]
pub struct MadeReport {
    /// The instance that made it.
    pub id: InstanceId,
    /// Its name.
    pub name: String,
    /// What it says before its tables.
    pub opening: Opening,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its files by name: [`retort_report`] lists them.
    pub files: ReportFiles,
}

impl MadeReport {
    /// Returns everything on one page of HTML that needs nothing else.
    pub fn page(&self) -> Option<&str> {
        std::str::from_utf8(self.files.files.get(ReportFiles::PAGE)?).ok()
    }

    /// Lists the tables as CSV, each with the name of its file.
    pub fn csv(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .files
            .iter()
            .filter(|(name, _)| Path::new(name).extension() == Some("csv".as_ref()))
            .filter_map(|(name, bytes)| Some((name.as_str(), std::str::from_utf8(bytes).ok()?)))
    }
}

impl Session {
    /// Lists the wanted instances that make reports.
    pub fn report_ids(&self, selection: &Selection) -> Vec<InstanceId> {
        let makes = |id: InstanceId| self.pipeline.experiment.instance(id).bound.kind().output;
        selection.ids().filter(|id| makes(*id) == ArtifactKind::Report).collect()
    }

    /// Reads the report that an instance made; `None` where it has no result.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where the report cannot be read.
    pub fn report(&self, id: InstanceId, results: &Results) -> Result<Option<MadeReport>, SessionError> {
        results.get(id).map(|found| self.made_report(id, found)).transpose()
    }

    /// Reads the report that is a result.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where the report cannot be read.
    pub fn made_report(&self, id: InstanceId, found: &Found) -> Result<MadeReport, SessionError> {
        let mut files = ReportFiles::default();
        for (name, digest) in &found.parts {
            files.files.insert(name.clone(), self.store.read(digest)?);
        }
        let tables = Report::tables_in(&files).map_err(SessionError::unusable)?;
        let opening = Report::opening_in(&files).map_err(SessionError::unusable)?;
        Ok(MadeReport { id, name: self.name(id), opening, tables, files })
    }

    /// Writes the files of a report below `out/<experiment>/<report>`, with where it comes from, the pipeline as it was resolved
    /// and a picture of each figure, and returns that folder. Where another pipeline's report stood there, that is told. Files that are there already are left alone where they have the same bytes, and
    /// those of others always.
    ///
    /// # Errors
    /// [`SessionError::Unusable`] where something in the folder belongs to somebody else.
    pub fn write_report(&self, report: &MadeReport, results: &Results, out: &Path) -> Result<PathBuf, SessionError> {
        let folder = out.join(folder_name(&self.pipeline.experiment.name)).join(folder_name(&report.name));
        let earlier = outlet::read_plain(&folder.join(Provenance::FILE), PROVENANCE_BYTES_MAX).ok().flatten();
        let earlier = earlier.and_then(|bytes| Provenance::read(&bytes));
        // Earlier versions kept no record of what they wrote, and a record may be lost: such folders are known by the
        // provenance in them.
        let adopts = earlier.is_some() && !outlet::is_recorded(&folder);
        let theirs = earlier.as_ref().map(|earlier| earlier.pipeline.clone()).unwrap_or_default();
        let provenance = self.provenance(report.id, results, earlier)?;
        let mut files = provenance.added_to(&report.files, duration).files;
        files.insert(setup::FILE.to_owned(), self.resolved(report.id));
        let files = pictures::beside(files, &folder, self.pipeline.workspace());
        let contents = Contents { kept: pictures::names(&files), adopts, ..Contents::of(&files) };
        let written = outlet::write(out, &folder, &contents)?;
        // A pipeline that was moved is no other.
        let another = theirs != provenance.pipeline && Path::new(&theirs).exists();
        if written > 0 && another {
            let folder = folder.display().to_string();
            self.pipeline.workspace().tell(&Remark::ReportReplaced { folder, other: theirs });
        }
        Ok(folder)
    }
}

/// Makes a name fit for a folder: what is not a letter, digit, `.`, `_`, `=`, `,` or `-` becomes `_`.
pub(crate) fn folder_name(name: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || "._=,-".contains(c);
    let plain: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if plain.trim_matches('.').is_empty() { "_".repeat(plain.len().max(1)) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_never_leaves_its_folder() {
        assert_eq!(folder_name("tuned[run=0]"), "tuned_run=0_");
        assert_eq!(folder_name(".."), "__");
        assert_eq!(folder_name("a/../b"), "a_.._b");
        assert_eq!(folder_name(""), "_");
    }
}
