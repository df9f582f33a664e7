//! The nearest words: exact, all queries in one pass.
//!
//! Blocks of rows are multiplied with all queries in single precision, which is fast and slightly wrong. What comes within the
//! error of that product of a query's best is computed again in double precision, number by number in their order, and only
//! that decides. So the answer is exact, and the same on every machine and with any number of threads.

use gemm::Parallelism;
use rayon::prelude::*;

use super::{Vectors, VectorsError};

/// Rows that are multiplied at once: small enough that they stay in a core's cache.
const BLOCK: usize = 256;

/// A word near another.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The word.
    pub word: String,
    /// The cosine of the angle between the two, from -1 to 1.
    pub cosine: f64,
}

impl Vectors<'_> {
    /// Finds the `k` words nearest to each of some words by cosine, nearest first; of equally near ones the earlier in the
    /// file. A word that the file lacks is looked for in lower case; `None` where there is none either, or where all of its
    /// numbers are zero. The word itself is no neighbour, nor is one whose numbers are all zero, nor a word's second place.
    pub fn nearest(&self, words: &[&str], k: usize) -> Result<Vec<Option<Vec<Neighbour>>>, VectorsError> {
        let row = |word: &&str| self.row(word).or_else(|| self.row(&word.to_lowercase()));
        let rows: Vec<Option<usize>> = words.iter().map(row).collect();
        let mut distinct: Vec<usize> = rows.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let queries = self.queries(&distinct)?;
        let best = self.search(&queries, k)?;
        let answer = |row: usize| {
            let at = queries.iter().position(|query| query.row == row)?;
            let neighbour = |&(cosine, row): &(f64, usize)| Neighbour { word: self.word(row), cosine };
            Some(best[at].iter().map(neighbour).collect())
        };
        Ok(rows.into_iter().map(|row| row.and_then(answer)).collect())
    }

    fn queries(&self, rows: &[usize]) -> Result<Vec<Query>, VectorsError> {
        let mut queries = Vec::with_capacity(rows.len());
        for &row in rows {
            let mut numbers = vec![0.0; self.dimension];
            self.read(row, &mut numbers)?;
            let length = length(&numbers);
            if length > 0.0 {
                queries.push(Query { row, numbers, length });
            }
        }
        Ok(queries)
    }

    fn search(&self, queries: &[Query], k: usize) -> Result<Vec<Vec<Near>>, VectorsError> {
        let unit = |query: &Query| query.numbers.iter().map(|&x| (f64::from(x) / query.length) as f32).collect();
        let units: Vec<Vec<f32>> = queries.iter().map(unit).collect();
        let units = units.concat();
        let blocks = self.rows.len().div_ceil(BLOCK);
        // Whoever starts anew knows no best and computes more again, so no thread starts often.
        let pieces = (blocks / (4 * rayon::current_num_threads())).max(1);
        let searched = (0..blocks)
            .into_par_iter()
            .with_min_len(pieces)
            .try_fold(
                || Search::new(self.dimension, queries.len(), k),
                |mut search, block| {
                    search.block(self, queries, &units, block)?;
                    Ok(search)
                },
            )
            .map(|search: Result<Search, (usize, VectorsError)>| search.map(|search| search.best.near));
        let merged = searched.reduce(
            || Ok(vec![Vec::new(); queries.len()]),
            |one, other| match (one, other) {
                (Ok(one), Ok(other)) => {
                    Ok(one.into_iter().zip(other).map(|(one, other)| merged(one, other, k)).collect())
                }
                // The error of the earlier row, whoever met it.
                (Err(one), Err(other)) => Err(if one.0 <= other.0 { one } else { other }),
                (Err(error), _) | (_, Err(error)) => Err(error),
            },
        );
        merged.map_err(|(_, error)| error)
    }
}

/// A word whose neighbours are looked for.
struct Query {
    row: usize,
    numbers: Vec<f32>,
    length: f64,
}

/// A cosine and a row.
type Near = (f64, usize);

/// What one thread works with.
struct Search {
    dimension: usize,
    /// `[BLOCK, dimension]`, each row of length 1.
    rows: Vec<f32>,
    /// `[BLOCK, queries]`
    cosines: Vec<f32>,
    lengths: Vec<f64>,
    best: Best,
}

impl Search {
    fn new(dimension: usize, queries: usize, k: usize) -> Self {
        let best = Best { k, near: vec![Vec::new(); queries], least: vec![f32::NEG_INFINITY; queries] };
        Self {
            dimension,
            rows: vec![0.0; BLOCK * dimension],
            cosines: vec![0.0; BLOCK * queries],
            lengths: vec![0.0; BLOCK],
            best,
        }
    }

    fn block(
        &mut self,
        vectors: &Vectors<'_>,
        queries: &[Query],
        units: &[f32],
        block: usize,
    ) -> Result<(), (usize, VectorsError)> {
        let first = block * BLOCK;
        let count = BLOCK.min(vectors.len() - first);
        for (index, row) in self.rows.chunks_exact_mut(self.dimension).take(count).enumerate() {
            vectors.read(first + index, row).map_err(|error| (first + index, error))?;
            self.lengths[index] = length(row);
            let scale = if self.lengths[index] > 0.0 { 1.0 / self.lengths[index] } else { 0.0 };
            row.iter_mut().for_each(|number| *number = (f64::from(*number) * scale) as f32);
        }
        product(&self.rows, units, &mut self.cosines, [count, self.dimension, queries.len()]);
        for (index, cosines) in self.cosines.chunks_exact(queries.len().max(1)).take(count).enumerate() {
            for (at, &cosine) in cosines.iter().enumerate() {
                if cosine >= self.best.least[at] && self.lengths[index] > 0.0 {
                    self.best.consider(vectors, &queries[at], at, first + index)?;
                }
            }
        }
        Ok(())
    }
}

/// What one thread has found so far.
struct Best {
    k: usize,
    /// For each query the nearest rows, nearest first.
    near: Vec<Vec<Near>>,
    /// For each query the least cosine in single precision that is worth a second look.
    least: Vec<f32>,
}

impl Best {
    /// Looks at a row again, exactly.
    fn consider(
        &mut self,
        vectors: &Vectors<'_>,
        query: &Query,
        at: usize,
        row: usize,
    ) -> Result<(), (usize, VectorsError)> {
        if row == query.row || self.k == 0 || vectors.is_repeated(row) {
            return Ok(());
        }
        let mut numbers = vec![0.0; query.numbers.len()];
        vectors.read(row, &mut numbers).map_err(|error| (row, error))?;
        let dot: f64 = numbers.iter().zip(&query.numbers).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        let found = (dot / (length(&numbers) * query.length), row);
        let near = &mut self.near[at];
        near.insert(near.partition_point(|other| before(other, &found)), found);
        near.truncate(self.k);
        if let Some((worst, _)) = near.get(self.k - 1) {
            // Both factors are rounded to single precision, and so is each of as many sums of products.
            self.least[at] = (worst - (numbers.len() + 8) as f64 * f64::from(f32::EPSILON)) as f32;
        }
        Ok(())
    }
}

/// The order of neighbours: nearest first, then as in the file.
fn before(one: &Near, other: &Near) -> bool {
    other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)).is_lt()
}

fn merged(one: Vec<Near>, other: Vec<Near>, k: usize) -> Vec<Near> {
    let mut all = [one, other].concat();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    all.truncate(k);
    all
}

/// Eight sums at once, so that the processor can add in parallel, and the same everywhere.
fn length(numbers: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    let chunks = numbers.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    (sums.iter().sum::<f64>() + rest).sqrt()
}

/// Multiplies `[m, k]` by the transpose of `[n, k]` into `[m, n]`.
#[expect(
    unsafe_code,
    reason = "the library's one entry takes pointers; the slices they come from are as long as it reads"
)]
fn product(rows: &[f32], units: &[f32], into: &mut [f32], [m, k, n]: [usize; 3]) {
    assert!(rows.len() >= m * k && units.len() == n * k && into.len() >= m * n);
    let (k_step, n_step) = (k.cast_signed(), n.cast_signed());
    // SAFETY: the assertion says that every element `row * step + column` below lies within its slice.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            into.as_mut_ptr(),
            1,
            n_step,
            false,
            rows.as_ptr(),
            1,
            k_step,
            units.as_ptr(),
            k_step,
            1,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
