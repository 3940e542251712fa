//! The planets in two groups, found from their distances, sizes, masses and densities: standardised columns, principal
//! components by iteration, and k-means, all with the array operations of `cnn-tensor`.
//!
//! `cargo run -p cnn-tensor --example arrays`

use cnn_tensor::ops::matmul::Transpose;
use cnn_tensor::ops::reduce::{Keep, Norm, Variance};
use cnn_tensor::random::Key;
use cnn_tensor::{DType, Result, Tensor};

const NAMES: [&str; 8] = ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune"];

/// Distance from the sun (astronomical units), radius and mass (earth = 1), density (g/cm3), from NASA's planetary fact
/// sheet.
const PLANETS: [[f64; 4]; 8] = [
    [0.387, 0.383, 0.0553, 5.429],
    [0.723, 0.949, 0.815, 5.243],
    [1.0, 1.0, 1.0, 5.514],
    [1.52, 0.532, 0.107, 3.934],
    [5.20, 11.21, 317.8, 1.326],
    [9.57, 9.45, 95.2, 0.687],
    [19.17, 4.01, 14.5, 1.270],
    [30.18, 3.88, 17.1, 1.638],
];

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let x = Tensor::from_rows(&PLANETS.map(|planet| planet.map(f64::log10)))?;
    println!("decimal logarithms, {x:.2}\n");

    let deviation = x.var_over(&[0], Variance::Unbiased, Keep::Axes)?.sqrt()?;
    let z = x.sub(&x.mean_over(&[0], Keep::Axes)?)?.div(&deviation)?;
    let correlations = z.matmul_transposed(&z, Transpose::Left)?.div(7.0)?;
    println!("correlations of the columns, {correlations:.2}\n");

    let (first, variance) = principal(&correlations)?;
    let rest = correlations.sub(&first.matmul_transposed(&first, Transpose::Right)?.mul(variance)?)?;
    let (second, _) = principal(&rest)?;
    println!("the first component explains {:.0} % of the variance\n", 25.0 * variance);

    let points = z.matmul(&Tensor::concat(&[&first, &second], 1)?)?;
    let groups = k_means(&points, 2)?;
    for (name, group) in NAMES.iter().zip(groups.to_vec::<i64>()?) {
        println!("{name:8} belongs to group {group}");
    }
    Ok(())
}

/// The direction `[n, 1]` along which a symmetric matrix stretches most, and by how much.
fn principal(matrix: &Tensor) -> Result<(Tensor, f64)> {
    let mut direction = Tensor::normal(&[matrix.shape()[0], 1], DType::F64, Key::new(1))?;
    for _ in 0..200 {
        direction = matrix.matmul(&direction)?;
        direction = direction.div(&direction.norm_over(&[0, 1], Norm::L2, Keep::Axes)?)?;
    }
    let stretched = matrix.matmul(&direction)?;
    let by = stretched.mul(&direction)?.sum()?.item()?;
    Ok((direction, by))
}

/// The group of each point `[n, d]`: that of the nearest centre, where each centre is the mean of its group.
fn k_means(points: &Tensor, groups: usize) -> Result<Tensor> {
    let [count, axes] = [points.shape()[0], points.shape()[1]];
    let mut centres = points.narrow_along(0, 0..groups)?;
    let mut nearest = Tensor::zeros(&[count], DType::I64)?;
    for _ in 0..20 {
        // [n, 1, d] less [groups, d] is [n, groups, d].
        let distances = points.clone().reshape(&[count, 1, axes])?.sub(&centres)?.norm_over(
            &[2],
            Norm::L2,
            Keep::Dropped,
        )?;
        nearest = distances.arg_min_over(1, Keep::Dropped)?;
        let members = nearest.one_hot(groups, DType::F64)?;
        let sums = members.matmul_transposed(points, Transpose::Left)?;
        // A group without members has the centre 0.
        let sizes = members.sum_over(&[0], Keep::Dropped)?.maximum(1.0)?.reshape(&[groups, 1])?;
        centres = sums.div(&sizes)?;
    }
    Ok(nearest)
}
