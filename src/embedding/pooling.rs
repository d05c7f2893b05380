//! From what a graph gave for a batch to one unit row for each passage.

use super::PoolingMethod;
use fastembed::SingleBatchOutput;

/// The unit rows of a batch, from its output of the name `output`.
///
/// A `(batch, tokens, dim)` output is pooled over the tokens that the mask says are none of padding, on
/// whichever side that stands; a `(batch, dim)` output is taken as it is.
pub(super) fn pool(batch: &SingleBatchOutput, output: &str, pooling: PoolingMethod) -> Result<Vec<Vec<f32>>, String> {
    let (_, value) = batch
        .outputs
        .iter()
        .find(|(name, _)| name == output)
        .ok_or_else(|| format!("the graph gave no output {output}"))?;
    let (shape, numbers) = value.try_extract_tensor::<f32>().map_err(|e| format!("output {output}: {e}"))?;
    let mask = &batch.attention_mask_array;
    let (n, n_tokens) = mask.dim();
    let (rows, dim) = match shape[..] {
        [rows, dim] => (rows, dim),
        [rows, tokens, dim] if usize::try_from(tokens) == Ok(n_tokens) => (rows, dim),
        _ => return Err(format!("output {output} has the shape {shape:?} for {n} texts of {n_tokens} tokens")),
    };
    let dim = usize::try_from(dim).unwrap_or(0);
    if usize::try_from(rows) != Ok(n) || dim == 0 {
        return Err(format!("output {output} has the shape {shape:?} for {n} texts"));
    }
    let of_text = numbers.chunks_exact((numbers.len() / n).max(1));
    let rows = of_text.zip(mask.rows()).map(|(numbers, mask)| {
        let mut of_token = numbers.chunks_exact(dim).zip(mask).filter(|(_, mask)| **mask != 0).map(|(row, _)| row);
        match pooling {
            PoolingMethod::InGraph => Some(numbers.to_vec()),
            PoolingMethod::Cls => of_token.next().map(<[f32]>::to_vec),
            PoolingMethod::Last => of_token.next_back().map(<[f32]>::to_vec),
            // The sum: its direction is the mean's.
            PoolingMethod::Mean => of_token.next().map(|first| {
                of_token.fold(first.to_vec(), |mut sum, row| {
                    sum.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
                    sum
                })
            }),
        }
    });
    rows.map(|row| {
        unit(row.ok_or("a text has no tokens")?).ok_or_else(|| format!("output {output} is NaN, infinite or all zeros"))
    })
    .collect()
}

/// The row divided by its length; none if it has no direction.
fn unit(mut row: Vec<f32>) -> Option<Vec<f32>> {
    let norm = row.iter().map(|number| number * number).sum::<f32>().sqrt();
    row.iter_mut().for_each(|number| *number /= norm);
    (norm.is_finite() && norm > 0.0).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_unit_length_or_is_none() {
        assert_eq!(unit(vec![3.0, 4.0]), Some(vec![0.6, 0.8]));
        for bad in [vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0], vec![f32::MAX, f32::MAX]] {
            assert_eq!(unit(bad), None);
        }
    }
}
