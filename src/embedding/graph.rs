//! What a `model.onnx` says of itself: inputs, outputs, operators, and the files that hold weights
//! beside it. It is asked before the model is loaded, because the runtime does not say.
//!
//! An ONNX file is one protobuf message. Of its fields few matter here, and the weights are skipped
//! by their length, so the few lines that read the wire format stand here instead of a generated
//! reader of all of ONNX. Nothing is recursed into deeper than [`MAX_DEPTH`], nothing is allocated by
//! a length that the file states, and a field that ends outside its message is an error.
//!
//! Field numbers: `onnx.proto` of ONNX 1.23. Wire format: <https://protobuf.dev/programming-guides/encoding/>.

use std::collections::BTreeSet;

/// Graphs inside of nodes of graphs (the branches of an `If`, the body of a `Loop`), at most.
const MAX_DEPTH: usize = 32;

/// Operators that compute a scale from the numbers that they are given, or the integers made so:
/// their result for a passage depends on all that is in the batch, padding included.
const DYNAMIC: [&str; 6] = [
    "ConvInteger",
    "DynamicQuantizeLSTM",
    "DynamicQuantizeLinear",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
];

/// What the file says of its graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Graph {
    /// Names of the inputs that a caller gives.
    pub inputs: Vec<String>,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The types of the operators, those of inner graphs and functions too.
    pub operators: BTreeSet<String>,
    /// Files that hold weights, by path from the folder of `model.onnx`.
    pub external: BTreeSet<String>,
    /// Names of the weights: old files list them among the inputs.
    pub weights: BTreeSet<String>,
}

/// An output of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub name: String,
    /// Number of its axes, where the file says.
    pub rank: Option<usize>,
}

impl Graph {
    /// Reads a `model.onnx`.
    ///
    /// # Errors
    /// What is wrong with the file, and at which byte.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut graph = Self::default();
        let mut has_operator_set = false;
        let read = Message { bytes, start: 0 }.each(&mut |field| match field.number {
            7 => graph.read_graph(field.message()?, true, 0),
            8 => {
                has_operator_set = true;
                Ok(())
            }
            // Functions: their nodes are field 7.
            25 => field.message()?.each(&mut |field| match field.number {
                7 => graph.read_node(field.message()?, 0),
                _ => Ok(()),
            }),
            _ => Ok(()),
        });
        read.map_err(|at| format!("it breaks off or is garbled at byte {at} of {}", bytes.len()))?;
        if graph.outputs.is_empty() || !has_operator_set {
            return Err("there is no whole graph in it".into());
        }
        let weights = &graph.weights;
        graph.inputs.retain(|name| !weights.contains(name));
        Ok(graph)
    }

    /// The operators that make a passage's row depend on its neighbours in the batch.
    pub fn dynamic_operators(&self) -> Vec<&'static str> {
        DYNAMIC.into_iter().filter(|operator| self.operators.contains(*operator)).collect()
    }

    fn read_graph(&mut self, graph: Message, is_outermost: bool, depth: usize) -> Result<(), usize> {
        graph.each(&mut |field| match field.number {
            1 => self.read_node(field.message()?, depth),
            5 => self.read_tensor(field.message()?),
            // Sparse: values and indices are tensors.
            15 => field.message()?.each(&mut |field| match field.number {
                1 | 2 => self.read_tensor(field.message()?),
                _ => Ok(()),
            }),
            11 if is_outermost => {
                self.inputs.push(Output::read(field.message()?)?.name);
                Ok(())
            }
            12 if is_outermost => {
                self.outputs.push(Output::read(field.message()?)?);
                Ok(())
            }
            _ => Ok(()),
        })
    }

    fn read_node(&mut self, node: Message, depth: usize) -> Result<(), usize> {
        if depth > MAX_DEPTH {
            return Err(node.start);
        }
        node.each(&mut |field| match field.number {
            4 => {
                self.operators.insert(field.text()?);
                Ok(())
            }
            // Attributes may be tensors and graphs.
            5 => field.message()?.each(&mut |field| match field.number {
                5 | 10 => self.read_tensor(field.message()?),
                6 | 11 => self.read_graph(field.message()?, false, depth + 1),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })
    }

    fn read_tensor(&mut self, tensor: Message) -> Result<(), usize> {
        tensor.each(&mut |field| match field.number {
            8 => {
                self.weights.insert(field.text()?);
                Ok(())
            }
            13 => {
                let (mut key, mut value) = (String::new(), String::new());
                field.message()?.each(&mut |field| {
                    match field.number {
                        1 => key = field.text()?,
                        2 => value = field.text()?,
                        _ => {}
                    }
                    Ok(())
                })?;
                if key == "location" {
                    self.external.insert(value);
                }
                Ok(())
            }
            _ => Ok(()),
        })
    }
}

impl Output {
    /// Reads a `ValueInfoProto`: name, type (of a tensor) → shape → one field 1 for each axis.
    fn read(value: Message) -> Result<Self, usize> {
        let mut output = Self { name: String::new(), rank: None };
        value.each(&mut |field| match field.number {
            1 => {
                output.name = field.text()?;
                Ok(())
            }
            2 => field.message()?.each(&mut |field| match field.number {
                1 => field.message()?.each(&mut |field| match field.number {
                    2 => {
                        let mut rank = 0;
                        field.message()?.each(&mut |field| {
                            rank += usize::from(field.number == 1);
                            Ok(())
                        })?;
                        output.rank = Some(rank);
                        Ok(())
                    }
                    _ => Ok(()),
                }),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })?;
        Ok(output)
    }
}

/// A protobuf message: a run of fields.
#[derive(Clone, Copy)]
struct Message<'a> {
    bytes: &'a [u8],
    /// Where it begins in the file.
    start: usize,
}

struct Field<'a> {
    number: u64,
    /// Where its content begins in the file.
    start: usize,
    /// The content, if it is of stated length; numbers are of no interest here.
    content: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Calls `visit` with each field. An error is the byte in the file where it lies.
    fn each(self, visit: &mut dyn FnMut(Field<'a>) -> Result<(), usize>) -> Result<(), usize> {
        let mut at = 0;
        while at < self.bytes.len() {
            let begin = at;
            let damaged = || self.start + begin;
            let tag = self.varint(&mut at).ok_or_else(damaged)?;
            let length = match tag & 7 {
                0 => {
                    self.varint(&mut at).ok_or_else(damaged)?;
                    0
                }
                1 => 8,
                2 => self.varint(&mut at).and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?,
                5 => 4,
                // 3 and 4 are groups, which ONNX does not have.
                _ => return Err(damaged()),
            };
            let end = at.checked_add(length).filter(|&end| end <= self.bytes.len() && tag >> 3 > 0);
            let end = end.ok_or_else(damaged)?;
            let content = (tag & 7 == 2).then(|| &self.bytes[at..end]);
            visit(Field { number: tag >> 3, start: self.start + at, content })?;
            at = end;
        }
        Ok(())
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn varint(self, at: &mut usize) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(*at)?;
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Field<'a> {
    fn message(&self) -> Result<Message<'a>, usize> {
        Ok(Message { bytes: self.content.ok_or(self.start)?, start: self.start })
    }

    fn text(&self) -> Result<String, usize> {
        self.content.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).ok_or(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        // Two bytes each for the tag and the length, as long as they are below 2^14.
        let varint = |value: usize| [value as u8 | 0x80, (value >> 7) as u8];
        [&varint(usize::from(number) << 3 | 2), &varint(content.len()), content].concat()
    }

    fn file(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/data/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn inputs_outputs_and_ranks_are_read() {
        let graph = Graph::read(&file("tokens.onnx")).unwrap();
        assert_eq!(graph.inputs, ["input_ids", "attention_mask", "token_type_ids"]);
        let output = |name: &str, rank| Output { name: name.into(), rank: Some(rank) };
        assert_eq!(graph.outputs, [output("last_hidden_state", 3), output("pooler_output", 2)]);
        assert!(graph.operators.contains("Softmax") && graph.external.is_empty());
    }

    #[test]
    fn an_operator_is_told_by_its_type_and_not_by_a_name() {
        let named = file("untyped.onnx");
        let part = b"DynamicQuantizeLinear";
        assert!(named.windows(part.len()).any(|bytes| bytes == part), "the file has a node of that name");
        assert_eq!(Graph::read(&named).unwrap().dynamic_operators(), [""; 0]);
        let dynamic = Graph::read(&file("dynamic.onnx")).unwrap();
        assert_eq!(dynamic.dynamic_operators(), ["DynamicQuantizeLinear", "MatMulInteger"]);
    }

    #[test]
    fn operators_of_inner_graphs_and_functions_count_and_weights_are_no_inputs() {
        let node = |operator: &str| field(4, operator.as_bytes());
        let inner = field(1, &node("MatMulInteger"));
        let outer = [node("If"), field(5, &field(6, &inner))].concat();
        let named = |name: &str| field(1, name.as_bytes());
        let graph = [
            field(1, &outer),
            field(5, &field(8, b"weight")),
            field(11, &named("weight")),
            field(11, &named("ids")),
            field(12, &named("rows")),
        ]
        .concat();
        let function = field(25, &field(7, &node("Gelu")));
        let graph = Graph::read(&[field(7, &graph), field(8, b""), function].concat()).unwrap();
        assert_eq!(graph.operators.iter().collect::<Vec<_>>(), ["Gelu", "If", "MatMulInteger"]);
        assert_eq!((graph.inputs, graph.outputs[0].rank), (vec!["ids".to_owned()], None));
    }

    #[test]
    fn files_of_weights_are_named() {
        let graph = Graph::read(&file("external.onnx")).unwrap();
        assert_eq!(graph.external.into_iter().collect::<Vec<_>>(), ["external.onnx.data"]);
    }

    #[test]
    fn what_is_no_model_is_refused_with_the_place() {
        assert!(Graph::read(b"").unwrap_err().contains("no whole graph"));
        assert!(Graph::read(b"not a model").unwrap_err().contains("at byte 0 of 11"));
        let whole = file("tokens.onnx");
        for length in 0..whole.len() {
            assert!(Graph::read(&whole[..length]).is_err(), "the first {length} bytes");
        }
        let nested = |depth: usize| {
            let node = (0..depth).fold(field(4, b"If"), |node, _| field(5, &field(6, &field(1, &node))));
            Graph::read(&[field(7, &[field(1, &node), field(12, b"")].concat()), field(8, b"")].concat())
        };
        assert!(nested(MAX_DEPTH).is_ok() && nested(MAX_DEPTH + 1).is_err());
    }

    proptest! {
        #[test]
        fn random_and_damaged_bytes_are_an_error_or_a_graph(
            random in proptest::collection::vec(any::<u8>(), 0..400),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        ) {
            let _ = Graph::read(&random);
            let _ = Graph::read(&field(7, &random[..random.len().min(127)]));
            let mut damaged = file("dynamic.onnx");
            for (at, byte) in changes {
                let at = at.index(damaged.len());
                damaged[at] = byte;
            }
            let _ = Graph::read(&damaged);
        }
    }
}
