//! Rotary position embedding (Su et al. 2021) of queries and keys, in the halves of a head as Hugging Face pairs them.

use rayon::prelude::*;

use super::heads::Heads;
use super::lanes::vectorised;

/// Token rows handled by one task.
const BLOCK: usize = 32;

/// Rotates the queries and keys of `qkv` `[tokens, qkv]` by the angles whose `cosines` and `sines` are `[tokens, pairs]`;
/// `backwards` by their negatives. Only the first `2 · pairs` columns of each head are rotated.
pub(crate) fn rotate(qkv: &mut [f32], heads: Heads, cosines: &[f32], sines: &[f32], pairs: usize, backwards: bool) {
    let width = heads.qkv_width();
    let sign = if backwards { -1.0 } else { 1.0 };
    let angles = cosines.par_chunks(BLOCK * pairs).zip(sines.par_chunks(BLOCK * pairs));
    qkv.par_chunks_mut(BLOCK * width).zip(angles).for_each(|(qkv, (cosines, sines))| {
        vectorised(
            #[inline(always)]
            || {
                let angles = cosines.chunks_exact(pairs).zip(sines.chunks_exact(pairs));
                for (row, (cosines, sines)) in qkv.chunks_exact_mut(width).zip(angles) {
                    let rotated = heads.query_width() + heads.kv_width();
                    for head in row[..rotated].chunks_exact_mut(heads.width) {
                        let (first, rest) = head.split_at_mut(pairs);
                        let both = first.iter_mut().zip(&mut rest[..pairs]);
                        for (((a, b), &cosine), &sine) in both.zip(cosines).zip(sines) {
                            let sine = sign * sine;
                            (*a, *b) = (a.mul_add(cosine, -*b * sine), b.mul_add(cosine, *a * sine));
                        }
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_columns_of_queries_and_keys_turn_and_turn_back() {
        let heads = Heads { count: 2, kv_count: 1, width: 6, scale: 1.0, window: None, cap: None };
        let (tokens, pairs) = (70, 2);
        let angle = |token: usize, pair: usize| token as f64 * 0.1 + pair as f64;
        let table = |f: fn(f64) -> f64| -> Vec<f32> {
            (0..tokens * pairs).map(|i| f(angle(i / pairs, i % pairs)) as f32).collect()
        };
        let (cosines, sines) = (table(f64::cos), table(f64::sin));
        let start: Vec<f32> = (0..tokens * heads.qkv_width()).map(|i| (i as f32 * 0.7).sin()).collect();
        let mut qkv = start.clone();
        rotate(&mut qkv, heads, &cosines, &sines, pairs, false);
        for (i, (&got, &was)) in qkv.iter().zip(&start).enumerate() {
            let (token, column) = (i / heads.qkv_width(), i % heads.qkv_width());
            let (head, within) = (column / heads.width, column % heads.width);
            let want = if head == 3 || within >= 2 * pairs {
                f64::from(was)
            } else {
                let (sine, cosine) = angle(token, within % pairs).sin_cos();
                if within < pairs {
                    f64::from(was) * cosine - f64::from(start[i + pairs]) * sine
                } else {
                    f64::from(was) * cosine + f64::from(start[i - pairs]) * sine
                }
            };
            assert!((f64::from(got) - want).abs() < 1e-6, "token {token}, column {column}");
        }
        rotate(&mut qkv, heads, &cosines, &sines, pairs, true);
        assert!(qkv.iter().zip(&start).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
