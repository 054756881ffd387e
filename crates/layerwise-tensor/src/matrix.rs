//! Windows onto flat memory: contiguous, column-major matrices. A batch is a matrix whose columns are samples.
//!
//! Only contiguous windows exist: a strided nalgebra view can write out of bounds (dimforge/nalgebra#1616), and no kernel here
//! needs one.

use nalgebra::DMatrix;

use crate::scalar::Scalar;

/// A read-only rows × cols window.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, S> {
    data: &'a [S],
    rows: usize,
    cols: usize,
}

/// A writable rows × cols window.
#[derive(Debug)]
pub struct MatMut<'a, S> {
    data: &'a mut [S],
    rows: usize,
    cols: usize,
}

#[track_caller]
fn check(len: usize, rows: usize, cols: usize) {
    assert!(len == rows * cols, "matrix: a {rows}x{cols} window should have {} numbers, got {len}", rows * cols);
}

impl<'a, S: Scalar> Mat<'a, S> {
    /// The window of `data`, column after column.
    ///
    /// Panics: if `data.len()` is not rows · cols.
    #[track_caller]
    pub fn new(data: &'a [S], rows: usize, cols: usize) -> Self {
        check(data.len(), rows, cols);
        Mat { data, rows, cols }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns: samples, for a batch.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All numbers, column after column.
    pub fn data(&self) -> &'a [S] {
        self.data
    }

    /// Column j.
    #[track_caller]
    pub fn col(&self, j: usize) -> &'a [S] {
        &self.data[j * self.rows..(j + 1) * self.rows]
    }

    /// The number at (row i, column j).
    #[track_caller]
    pub fn at(&self, i: usize, j: usize) -> S {
        self.col(j)[i]
    }

    /// The columns, in order.
    pub fn columns(&self) -> impl Iterator<Item = &'a [S]> + use<'a, S> {
        let rows = self.rows;
        let data = self.data;
        (0..self.cols).map(move |j| &data[j * rows..(j + 1) * rows])
    }

    /// A copy as a nalgebra matrix.
    pub fn to_dmatrix(&self) -> DMatrix<f64> {
        DMatrix::from_iterator(self.rows, self.cols, self.data.iter().map(|v| v.value()))
    }
}

impl<'a, S: Scalar> From<&'a DMatrix<S>> for Mat<'a, S> {
    fn from(matrix: &'a DMatrix<S>) -> Self {
        Mat::new(matrix.as_slice(), matrix.nrows(), matrix.ncols())
    }
}

impl<'a, S: Scalar> MatMut<'a, S> {
    /// The window of `data`, column after column.
    ///
    /// Panics: if `data.len()` is not rows · cols.
    #[track_caller]
    pub fn new(data: &'a mut [S], rows: usize, cols: usize) -> Self {
        check(data.len(), rows, cols);
        MatMut { data, rows, cols }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All numbers, column after column.
    pub fn data(&mut self) -> &mut [S] {
        self.data
    }

    /// All numbers, for as long as the window lives.
    pub fn into_data(self) -> &'a mut [S] {
        self.data
    }

    /// Column j.
    #[track_caller]
    pub fn col(&mut self, j: usize) -> &mut [S] {
        &mut self.data[j * self.rows..(j + 1) * self.rows]
    }

    /// A read-only view.
    pub fn as_mat(&self) -> Mat<'_, S> {
        Mat { data: self.data, rows: self.rows, cols: self.cols }
    }

    /// A shorter loan of the same window.
    pub fn reborrow(&mut self) -> MatMut<'_, S> {
        MatMut { data: self.data, rows: self.rows, cols: self.cols }
    }
}

impl<'a, S: Scalar> From<&'a mut DMatrix<S>> for MatMut<'a, S> {
    fn from(matrix: &'a mut DMatrix<S>) -> Self {
        let (rows, cols) = matrix.shape();
        MatMut::new(matrix.as_mut_slice(), rows, cols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_by_columns() {
        let data = [1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0];
        let m = Mat::new(&data, 2, 3);
        assert_eq!((m.rows(), m.cols(), m.data()), (2, 3, &data[..]));
        assert_eq!((m.col(1), m.at(1, 2), m.at(0, 1)), (&[3.0, 4.0][..], 6.0, 3.0));
        assert_eq!(m.columns().collect::<Vec<_>>(), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
        let copy = m.to_dmatrix();
        assert_eq!((copy.shape(), copy.as_slice(), copy[(1, 0)]), ((2, 3), &data[..], 2.0));
        let back = Mat::from(&copy);
        assert_eq!((back.rows(), back.cols(), back.data()), (2, 3, &data[..]));
    }

    #[test]
    fn a_writable_window_writes_where_it_reads() {
        let mut data = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut m = MatMut::new(&mut data, 2, 3);
        assert_eq!((m.rows(), m.cols()), (2, 3));
        m.col(1)[0] = 30.0;
        m.reborrow().col(2)[1] = 60.0;
        m.data()[0] = 10.0;
        assert_eq!((m.as_mat().at(0, 1), m.as_mat().rows()), (30.0, 2));
        m.into_data()[1] = 20.0;
        assert_eq!(data, [10.0, 20.0, 30.0, 4.0, 5.0, 60.0]);
        let mut matrix = DMatrix::<f64>::zeros(2, 3);
        let mut m = MatMut::from(&mut matrix);
        assert_eq!((m.rows(), m.cols()), (2, 3));
        m.col(2)[1] = 7.0;
        assert_eq!(matrix[(1, 2)], 7.0);
    }

    #[test]
    #[should_panic(expected = "matrix: a 2x3 window should have 6 numbers, got 5")]
    fn a_window_of_another_size_is_refused() {
        let _ = Mat::new(&[0.0f64; 5], 2, 3);
    }

    #[test]
    #[should_panic(expected = "matrix: a 2x2 window should have 4 numbers, got 5")]
    fn a_writable_window_of_another_size_is_refused() {
        let _ = MatMut::new(&mut [0.0f64; 5], 2, 2);
    }
}
