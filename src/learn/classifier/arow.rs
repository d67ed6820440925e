//! second views
use super::{Label, grams::Grams};
#[derive(Debug, Clone)]
pub struct Arow { cells: Vec<[f32; 2]> }
impl Arow {
    pub fn new(bits: u32) -> Arow { Arow { cells: vec![[0.0; 2]; 1 << bits] } }
    pub fn judge(&self, grams: &Grams) -> f32 {
        grams.buckets().iter().filter_map(|at| self.cells.get(*at as usize)).map(|c| c[0]).sum::<f32>() / grams.count().sqrt()
    }
    pub fn learn(&mut self, grams: &Grams, label: Label) {
        if grams.is_empty() { return }
        let sign = if label == Label::Spam { 1.0 } else { -1.0 };
        let margin = self.judge(grams);
        let scale = 1.0 / grams.count().sqrt();
        let doubt: f32 = grams.buckets().iter().map(|at| 1.0 - self.cells[*at as usize][1]).sum::<f32>() * scale * scale;
        let beta = 1.0 / (doubt + 3.0);
        let alpha = (1.0 - sign * margin).max(0.0) * beta;
        if alpha <= 0.0 { return }
        for at in grams.buckets() {
            let c = &mut self.cells[*at as usize];
            let sigma = 1.0 - c[1];
            c[0] += alpha * sign * sigma * scale;
            c[1] += beta * sigma * sigma * scale * scale;
        }
    }
}
