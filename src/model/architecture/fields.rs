//! The fields of a `config.json`, read with errors that name file and field.

use serde_json::Value;

use crate::decoder::Decoder;
use crate::error::ConfigError;

/// A JSON object of a configuration file.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// The object.
    pub(crate) json: &'a Value,
    /// The file, for errors.
    pub(crate) file: &'a str,
}

impl<'a> Fields<'a> {
    /// The value of `field`, where it is there and not null.
    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.json.get(field).filter(|value| !value.is_null())
    }

    /// The object that is the value of `field`, where there is one.
    pub(super) fn inside(&self, field: &str) -> Result<Option<Self>, ConfigError> {
        match self.get(field) {
            None => Ok(None),
            Some(json @ Value::Object(_)) => Ok(Some(Self { json, file: self.file })),
            Some(value) => Err(self.error(field, &format!("must be an object, not `{value}`"))),
        }
    }

    /// An error about `field`.
    pub(crate) fn error(&self, field: &str, problem: &str) -> ConfigError {
        ConfigError::Field { file: self.file.to_owned(), field: field.to_owned(), problem: problem.to_owned() }
    }

    /// A whole number of at least one.
    pub(super) fn count(&self, field: &str) -> Result<usize, ConfigError> {
        self.optional_count(field)?.ok_or_else(|| self.error(field, "is missing"))
    }

    /// As [`count`](Self::count), where it is there.
    pub(super) fn optional_count(&self, field: &str) -> Result<Option<usize>, ConfigError> {
        let read = |value: &Value| {
            value
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=1 << 31).contains(n))
                .ok_or_else(|| self.error(field, &format!("must be a whole number of at least 1, not `{value}`")))
        };
        self.get(field).map(read).transpose()
    }

    /// A positive number, or `default`.
    pub(super) fn positive(&self, field: &str, default: f64) -> Result<f64, ConfigError> {
        self.get(field).map_or(Ok(default), |value| {
            value
                .as_f64()
                .filter(|x| *x > 0.0 && x.is_finite())
                .ok_or_else(|| self.error(field, &format!("must be a number above 0, not `{value}`")))
        })
    }

    /// A fraction of at least zero and below one, or `default`.
    pub(super) fn rate(&self, field: &str, default: f64) -> Result<f64, ConfigError> {
        self.get(field).map_or(Ok(default), |value| {
            value
                .as_f64()
                .filter(|x| (0.0..1.0).contains(x))
                .ok_or_else(|| self.error(field, &format!("must be at least 0 and below 1, not `{value}`")))
        })
    }

    /// A truth value, or `default`.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool, ConfigError> {
        match self.get(field) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(value) => Err(self.error(field, &format!("must be true or false, not `{value}`"))),
        }
    }

    /// Fails where `field` is there and says something.
    pub(super) fn absent(&self, field: &str, why: &str) -> Result<(), ConfigError> {
        match self.get(field) {
            None => Ok(()),
            Some(value) => Err(self.error(field, &format!("must be null, not `{value}`: {why}"))),
        }
    }

    /// A positive number, where it is there.
    pub(super) fn optional_positive(&self, field: &str) -> Result<Option<f64>, ConfigError> {
        self.get(field).map(|_| self.positive(field, 1.0)).transpose()
    }

    /// Positive numbers, of which there must be `count`.
    pub(super) fn positives(&self, field: &str, count: usize) -> Result<Vec<f64>, ConfigError> {
        let wrong = || self.error(field, &format!("must be a list of {count} numbers above 0"));
        let values = self.get(field).and_then(Value::as_array).ok_or_else(wrong)?;
        let number = |value: &Value| value.as_f64().filter(|x| *x > 0.0 && x.is_finite()).ok_or_else(wrong);
        let numbers = values.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        if numbers.len() == count { Ok(numbers) } else { Err(wrong()) }
    }

    /// Fails unless `field` is `expected` or absent.
    pub(super) fn only(&self, field: &str, expected: bool) -> Result<(), ConfigError> {
        if self.flag(field, expected)? == expected {
            Ok(())
        } else {
            Err(self.error(field, &format!("must be {expected}")))
        }
    }

    /// The id of a token, where there is one.
    pub(super) fn token(&self, field: &str) -> Result<Option<u32>, ConfigError> {
        self.get(field).map(|value| self.id(field, value)).transpose()
    }

    /// The ids of one or several tokens.
    pub(super) fn tokens(&self, field: &str) -> Result<Vec<u32>, ConfigError> {
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(|value| self.id(field, value)).collect(),
            Some(value) => Ok(vec![self.id(field, value)?]),
        }
    }

    fn id(&self, field: &str, value: &Value) -> Result<u32, ConfigError> {
        value
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| self.error(field, &format!("must be the id of a token, not `{value}`")))
    }

    /// A text, or `default`.
    pub(super) fn text(&self, field: &str, default: &'a str) -> Result<&'a str, ConfigError> {
        self.get(field).map_or(Ok(default), |value| {
            value.as_str().ok_or_else(|| self.error(field, &format!("must be text, not `{value}`")))
        })
    }

    /// One of `known`, or the first of them where there is nothing.
    pub(super) fn one_of<T: Copy>(&self, field: &str, known: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.text(field, known[0].0)?;
        known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.error(field, &format!("must be {}, not `{text}`", names.join(" or ")))
        })
    }

    /// Fails where sizes do not go together, by the names that most architectures give them.
    pub(super) fn check(&self, decoder: &Decoder) -> Result<(), ConfigError> {
        let [heads, groups] = if self.get("n_head").is_some() {
            ["n_head", "n_head"]
        } else {
            ["num_attention_heads", "num_key_value_heads"]
        };
        if !decoder.heads.is_multiple_of(decoder.kv_heads) {
            let problem = format!("must divide `{heads}` ({}), not `{}`", decoder.heads, decoder.kv_heads);
            return Err(self.error(groups, &problem));
        }
        for rotary in decoder.rotary.iter().chain(&decoder.windowed_rotary) {
            let pairs = rotary.pairs(decoder.head_width);
            if pairs == 0 || pairs * 2 > decoder.head_width {
                let problem = format!("turns {} of a head's {} columns", rotary.fraction, decoder.head_width);
                return Err(self.error("partial_rotary_factor", &problem));
            }
        }
        Ok(())
    }

    /// The width of one head: the field's, `unsaid` where there is no such field, or the fraction of `d_model` that falls to each
    /// of `heads`.
    pub(super) fn head_width(&self, d_model: usize, heads: usize, unsaid: Option<usize>) -> Result<usize, ConfigError> {
        let absent = self.json.get("head_dim").is_none();
        if let Some(width) = self.optional_count("head_dim")?.or(unsaid.filter(|_| absent)) {
            return Ok(width);
        }
        if d_model.is_multiple_of(heads) {
            return Ok(d_model / heads);
        }
        let problem = format!("must divide `hidden_size` ({d_model}) where `head_dim` is absent, not `{heads}`");
        Err(self.error("num_attention_heads", &problem))
    }
}
