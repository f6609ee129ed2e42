//! Snapshot jobs: `snapshot-save`, `snapshot-load`, `snapshot-delete`. migration/savevm.c, job.c.

use crate::{Answer, Event, Impossible, JobStatus, Load, Output, Refusal, Vm, vm::Aborted};

/// The one snapshot job that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    None,
    /// The work is done; the job has yet to be concluded.
    Succeeding,
    /// The work failed; the job has yet to be concluded.
    Failing,
    Concluded,
}

impl Vm {
    /// `snapshot_save_job_bh()`, migration/savevm.c.
    pub(crate) fn snapshot_save(
        &mut self,
        succeeds: bool,
        out: &mut impl FnMut(Output),
    ) -> Result<Answer, Aborted> {
        if let Some(refusal) = self.job_begins(out) {
            return Ok(Answer::Refused(refusal));
        }
        let done = succeeds && self.savevm(out)? == Answer::Done;
        self.job_worked(done);
        Ok(Answer::Done)
    }

    /// `snapshot_load_job_bh()`, migration/savevm.c.
    pub(crate) fn snapshot_load(
        &mut self,
        load: Load,
        out: &mut impl FnMut(Output),
    ) -> Result<Answer, Aborted> {
        if let Some(refusal) = self.job_begins(out) {
            return Ok(Answer::Refused(refusal));
        }
        let saved = self.run;
        let done = self.load_into_stopped(load, out)?.is_none();
        if done {
            self.load_snapshot_resume(saved, out)?;
        }
        self.job_worked(done);
        Ok(Answer::Done)
    }

    /// `snapshot_delete_job_bh()`, migration/savevm.c: the VM is not touched.
    pub(crate) fn snapshot_delete(&mut self, succeeds: bool, out: &mut impl FnMut(Output)) -> Answer {
        if let Some(refusal) = self.job_begins(out) {
            return Answer::Refused(refusal);
        }
        self.job_worked(succeeds);
        Answer::Done
    }

    /// The job's last steps, after the command's reply.
    pub(crate) fn job_completes(&mut self, out: &mut impl FnMut(Output)) -> Result<Answer, Aborted> {
        match self.job {
            Job::Succeeding => {
                Self::emit(Event::JobStatusChange(JobStatus::Waiting), out);
                Self::emit(Event::JobStatusChange(JobStatus::Pending), out);
            }
            Job::Failing => Self::emit(Event::JobStatusChange(JobStatus::Aborting), out),
            Job::None | Job::Concluded => return Ok(Answer::Impossible(Impossible::NoJob)),
        }
        Self::emit(Event::JobStatusChange(JobStatus::Concluded), out);
        self.job = Job::Concluded;
        Ok(Answer::Done)
    }

    /// `qmp_job_dismiss()`, job-qmp.c.
    pub(crate) fn job_dismiss(&mut self, out: &mut impl FnMut(Output)) -> Answer {
        match self.job {
            Job::Concluded => {
                self.job = Job::None;
                Self::emit(Event::JobStatusChange(JobStatus::Null), out);
                Answer::Done
            }
            Job::None => Answer::Refused(Refusal::JobNotFound),
            Job::Succeeding | Job::Failing => Answer::Refused(Refusal::JobNotConcluded),
        }
    }

    /// A job that nobody dismissed is dismissed when QEMU cleans up.
    pub(crate) fn dismiss_job_at_exit(&mut self, out: &mut impl FnMut(Output)) {
        if self.job == Job::Concluded {
            self.job = Job::None;
            Self::emit(Event::JobStatusChange(JobStatus::Null), out);
        }
    }

    fn job_begins(&self, out: &mut impl FnMut(Output)) -> Option<Refusal> {
        if self.job != Job::None {
            return Some(Refusal::JobExists);
        }
        Self::emit(Event::JobStatusChange(JobStatus::Created), out);
        Self::emit(Event::JobStatusChange(JobStatus::Running), out);
        None
    }

    const fn job_worked(&mut self, done: bool) {
        self.job = if done { Job::Succeeding } else { Job::Failing };
    }
}
