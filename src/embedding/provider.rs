//! Which of the runtime's execution providers runs the model, and at which precision.
//!
//! OpenVINO with bf16 matrix products is the fastest where the CPU multiplies bf16 (AVX-512 BF16,
//! AMX); its f32 is about as fast as ONNX Runtime's own CPU provider. So `auto` takes OpenVINO if
//! the runtime has it and the CPU has bf16, and the CPU provider otherwise.

use super::Runtime;
use crate::{Error, Result};
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use serde::{Deserialize, Serialize};

/// A provider in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// ONNX Runtime's own kernels.
    Cpu,
    /// Intel's OpenVINO, on the CPU (AMD's too).
    OpenVino,
}

impl Provider {
    /// The name that reports and options use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
        }
    }
}

/// A provider asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderChoice {
    /// The fastest that the runtime and the CPU offer.
    #[default]
    Auto,
    /// This one or none.
    Only(Provider),
}

/// The number format of the matrix products; rows come out as f32 in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats throughout.
    F32,
    /// bfloat16 factors, f32 sums; a pair's cosine moves by about 1e-4.
    Bf16,
}

impl Precision {
    /// The name that reports and options use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// Whether this CPU multiplies bf16 numbers itself.
pub(crate) fn cpu_has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// What to try, the best first. Never empty.
///
/// # Errors
/// [`Error::Option`] for a precision that the provider does not have.
pub(crate) fn candidates(
    choice: ProviderChoice,
    precision: Option<Precision>,
    runtime: &Runtime,
) -> Result<Vec<(Provider, Precision)>> {
    let best = precision.unwrap_or(if cpu_has_bf16() { Precision::Bf16 } else { Precision::F32 });
    let needs_openvino = precision == Some(Precision::Bf16);
    if needs_openvino && choice == ProviderChoice::Only(Provider::Cpu) {
        return Err(Error::Option {
            option: "--precision",
            found: "bf16 with --provider cpu".into(),
            expected: "f32, or --provider openvino".into(),
        });
    }
    Ok(match choice {
        ProviderChoice::Only(Provider::OpenVino) => vec![(Provider::OpenVino, best)],
        ProviderChoice::Auto if needs_openvino => vec![(Provider::OpenVino, best)],
        ProviderChoice::Auto if runtime.has_openvino() && best == Precision::Bf16 => {
            vec![(Provider::OpenVino, best), (Provider::Cpu, Precision::F32)]
        }
        ProviderChoice::Only(Provider::Cpu) | ProviderChoice::Auto => vec![(Provider::Cpu, Precision::F32)],
    })
}

/// The provider's settings for a session of `threads` threads.
pub(super) fn execution_providers(
    provider: Provider,
    precision: Precision,
    threads: usize,
) -> Vec<ExecutionProviderDispatch> {
    match provider {
        Provider::Cpu => vec![],
        Provider::OpenVino => {
            // Pinned, the sessions' single threads would all sit on the first core.
            let config =
                format!(r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{}","ENABLE_CPU_PINNING":"NO"}}}}"#, precision.name());
            let provider = ep::OpenVINO::default()
                .with_device_type("CPU")
                .with_num_threads(threads)
                .with_num_streams(1)
                .with_arbitrary_config("load_config", config);
            vec![provider.build().error_on_failure()]
        }
    }
}
