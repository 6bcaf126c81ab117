//! Writes GGUF files (version 3, little endian), tensor data as a stream: a model need not fit into memory.
//!
//! ```
//! use checkpoint::gguf::write::{Layout, Value};
//! use kernels::Format;
//!
//! let mut layout = Layout::new();
//! layout.key("general.architecture", Value::text("llama"));
//! layout.tensor("output_norm.weight", &[2], Format::F32);
//! let mut data = layout.begin(Vec::new())?;
//! data.append(&1.0_f32.to_le_bytes())?;
//! data.append(&2.0_f32.to_le_bytes())?;
//! let file: Vec<u8> = data.finish()?;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::collections::VecDeque;
use std::io::{self, Write};

use kernels::Format;

use super::element;
use super::file::{DEFAULT_ALIGNMENT, MAGIC};

const VERSION: u32 = 3;

/// A value of a metadata key.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    F32s(Vec<f32>),
    I32s(Vec<i32>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// What the file will hold: its keys, and the names, shapes and formats of its tensors.
#[derive(Debug, Default)]
pub struct Layout {
    keys: Vec<(String, Value)>,
    tensors: Vec<(String, Vec<usize>, Format)>,
}

impl Layout {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn key(&mut self, key: impl Into<String>, value: Value) -> &mut Self {
        self.keys.push((key.into(), value));
        self
    }

    /// The columns, whose elements follow one another, are the last of `shape`.
    pub fn tensor(&mut self, name: impl Into<String>, shape: &[usize], format: Format) -> &mut Self {
        self.tensors.push((name.into(), shape.to_vec(), format));
        self
    }

    /// Writes the head. The data of all tensors must follow, in the order in which they were named.
    ///
    /// # Errors
    /// `InvalidInput` if a tensor's rows are not whole blocks of its format.
    pub fn begin<W: Write>(&self, out: W) -> io::Result<Data<W>> {
        let mut head = Vec::new();
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        put_length(&mut head, self.tensors.len());
        put_length(&mut head, self.keys.len());
        for (key, value) in &self.keys {
            put_text(&mut head, key);
            value.put(&mut head);
        }
        let mut sizes = VecDeque::new();
        let mut offset = 0_usize;
        for (name, shape, format) in &self.tensors {
            let size =
                size(shape, *format).ok_or_else(|| invalid(format!("{name}: {shape:?} is not in whole {format} blocks")))?;
            put_text(&mut head, name);
            head.extend_from_slice(&(shape.len() as u32).to_le_bytes());
            shape.iter().rev().for_each(|&dimension| put_length(&mut head, dimension));
            head.extend_from_slice(&element::number(*format).to_le_bytes());
            put_length(&mut head, offset);
            offset += size.next_multiple_of(DEFAULT_ALIGNMENT);
            sizes.push_back(size);
        }
        head.resize(head.len().next_multiple_of(DEFAULT_ALIGNMENT), 0);
        let mut data = Data { out, sizes, written: 0 };
        data.out.write_all(&head)?;
        Ok(data)
    }
}

/// The tensors' data, in whatever pieces it comes.
#[derive(Debug)]
pub struct Data<W> {
    out: W,
    /// Of the tensors that are not complete.
    sizes: VecDeque<usize>,
    /// Of the first of them.
    written: usize,
}

impl<W: Write> Data<W> {
    /// The next bytes, encoded; they may not reach from one tensor into another.
    ///
    /// # Errors
    /// `InvalidInput` if the tensor has fewer bytes left.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(&size) = self.sizes.front() else { return Err(invalid("data after the last tensor".into())) };
        if bytes.len() > size - self.written {
            let left = size - self.written;
            return Err(invalid(format!("{} bytes for a tensor that takes {left} more", bytes.len())));
        }
        self.out.write_all(bytes)?;
        self.written += bytes.len();
        if self.written == size {
            let padding = size.next_multiple_of(DEFAULT_ALIGNMENT) - size;
            self.out.write_all(&[0; DEFAULT_ALIGNMENT][..padding])?;
            self.sizes.pop_front();
            self.written = 0;
        }
        Ok(())
    }

    /// What was written to, flushed.
    ///
    /// # Errors
    /// `InvalidInput` if there is data missing.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(size) = self.sizes.front() {
            let tensors = self.sizes.len();
            return Err(invalid(format!("{tensors} tensors lack data, the first {} bytes", size - self.written)));
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

fn size(shape: &[usize], format: Format) -> Option<usize> {
    let (columns, outer) = shape.split_last()?;
    let size = outer.iter().try_fold(format.row_bytes(*columns)?, |size, &rows| size.checked_mul(rows))?;
    (size > 0).then_some(size)
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

impl Value {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::U32(value) => put_typed(out, 4, &value.to_le_bytes()),
            Self::F32(value) => put_typed(out, 6, &value.to_le_bytes()),
            Self::Bool(value) => put_typed(out, 7, &[u8::from(*value)]),
            Self::Text(text) => {
                put_typed(out, 8, &[]);
                put_text(out, text);
            }
            Self::Texts(texts) => {
                put_list(out, 8, texts.len());
                for text in texts {
                    put_text(out, text);
                }
            }
            Self::F32s(values) => {
                put_list(out, 6, values.len());
                out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Self::I32s(values) => {
                put_list(out, 5, values.len());
                out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }
}

fn put_typed(out: &mut Vec<u8>, kind: u32, value: &[u8]) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(value);
}

fn put_list(out: &mut Vec<u8>, kind: u32, length: usize) {
    put_typed(out, 9, &kind.to_le_bytes());
    put_length(out, length);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}
