//! Students that answer nothing right while they are trained.

use super::recipe::EvalBy;
use retort_artifact::TrainingLog;
use retort_stage::Context;

/// Warns of a student that answered no dev question right at any evaluation: mostly one whose answers cannot be read.
pub(super) fn warn_of_silence(context: &Context<'_>, eval_by: EvalBy, log: &TrainingLog) {
    said(eval_by, log).into_iter().for_each(|message| context.warn(message));
}

fn said(eval_by: EvalBy, log: &TrainingLog) -> Option<String> {
    let evaluations = log.evaluations.len();
    if evaluations == 0 || log.evaluations.iter().any(|evaluation| evaluation.accuracy > 0.0) {
        return None;
    }
    let (times, weights) = match evaluations {
        1 => ("its one evaluation".to_owned(), ""),
        _ => (format!("each of its {evaluations} evaluations"), ", and the weights of the first are kept"),
    };
    let try_what = match eval_by {
        EvalBy::Generation => {
            "perhaps no label can be read from what it writes: look at the outputs of an `evaluate` stage, and at \
             `recipe.eval_max_new`, `marker` and the number of steps"
        }
        EvalBy::Likelihood => "look at the learning rate and the number of steps",
    };
    Some(format!("the dev accuracy was 0.0 at {times}{weights}; {try_what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort_artifact::Evaluation;

    #[test]
    fn only_a_student_that_is_never_right_is_warned_of() {
        let of_these = |accuracies: &[f64]| {
            let of = |(at, accuracy): (usize, &f64)| Evaluation { step: at as u64 + 1, accuracy: *accuracy };
            let evaluations = accuracies.iter().enumerate().map(of).collect();
            said(EvalBy::Generation, &TrainingLog { evaluations, ..TrainingLog::default() })
        };
        assert_eq!(of_these(&[]), None);
        assert_eq!(of_these(&[0.0, 0.002]), None);
        assert!(
            of_these(&[0.0]).is_some_and(|said| said.starts_with("the dev accuracy was 0.0 at its one evaluation;"))
        );
        let twice = of_these(&[0.0, 0.0]).unwrap();
        assert!(twice.starts_with("the dev accuracy was 0.0 at each of its 2 evaluations, and the weights"), "{twice}");
    }
}
