//! Which engine runs a model, and on what.

use std::fmt;

use super::parse::Expected;

/// As far as somebody said so; a GPU that is there decides the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) engine: Option<EngineName>,
    pub(crate) device: Option<Device>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineName {
    /// Our own, on the processor.
    Native,
    Mistralrs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    Cpu,
    /// One GPU, or all that can be seen.
    Cuda(Option<usize>),
    Metal,
}

pub(super) fn engine(text: &str) -> Result<EngineName, Expected> {
    match text.trim().to_ascii_lowercase().as_str() {
        "native" => Ok(EngineName::Native),
        "mistralrs" => Ok(EngineName::Mistralrs),
        _ => Err(Expected("native or mistralrs")),
    }
}

pub(super) fn device(text: &str) -> Result<Device, Expected> {
    let text = text.trim().to_ascii_lowercase();
    match text.split_once(':') {
        None if text == "cpu" => Ok(Device::Cpu),
        None if text == "cuda" => Ok(Device::Cuda(None)),
        None if text == "metal" => Ok(Device::Metal),
        Some(("cuda", index)) if index.len() <= 3 => {
            index.parse().map(|index| Device::Cuda(Some(index))).map_err(|_| DEVICE)
        }
        _ => Err(DEVICE),
    }
}

const DEVICE: Expected = Expected("cpu, cuda, cuda:1 or metal");

/// What this program was built with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Built {
    mistralrs: bool,
    cuda: bool,
    metal: bool,
}

impl Built {
    pub(super) const THIS: Self =
        Self { mistralrs: cfg!(feature = "mistralrs"), cuda: cfg!(feature = "cuda"), metal: cfg!(feature = "metal") };
}

impl Placement {
    /// Why a program that was built so cannot run a model there.
    pub(super) fn problem(self, built: Built) -> Option<String> {
        let Self { engine, device } = self;
        let lacks = |key: &str, value: &dyn fmt::Display, feature: &str| {
            format!("models.{key} is {value}, which this program was built without; build it with --features {feature}")
        };
        match (engine, device) {
            (Some(EngineName::Native), Some(device @ (Device::Cuda(_) | Device::Metal))) => {
                Some(format!("models.engine is native, which runs on the processor alone, and models.device is {device}"))
            }
            (_, Some(device @ Device::Cuda(_))) if !built.cuda => Some(lacks("device", &device, "cuda")),
            (_, Some(device @ Device::Metal)) if !built.metal => Some(lacks("device", &device, "metal")),
            (Some(engine @ EngineName::Mistralrs), _) if !built.mistralrs => {
                Some(lacks("engine", &engine, "mistralrs (or cuda, or metal)"))
            }
            _ => None,
        }
    }

    /// It was asked for in so many words.
    pub(crate) fn is_mistralrs(self) -> bool {
        self.engine == Some(EngineName::Mistralrs) || matches!(self.device, Some(Device::Cuda(_) | Device::Metal))
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Native => "native",
            Self::Mistralrs => "mistralrs",
        })
    }
}

/// "cuda:1"
impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(None) => formatter.write_str("cuda"),
            Self::Cuda(Some(index)) => write!(formatter, "cuda:{index}"),
            Self::Metal => formatter.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Built = Built { mistralrs: false, cuda: false, metal: false };
    const CUDA: Built = Built { mistralrs: true, cuda: true, metal: false };

    fn placed(engine: Option<EngineName>, device: &str) -> Placement {
        Placement { engine, device: Some(super::device(device).unwrap()) }
    }

    #[test]
    fn a_device_is_read_as_it_is_shown() {
        for text in ["cpu", "cuda", "cuda:0", "cuda:12", "metal"] {
            assert_eq!(device(text).unwrap().to_string(), text);
        }
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:one", "cpu:0", "cuda:99999999999999999999"] {
            assert_eq!(device(text), Err(DEVICE), "{text}");
        }
    }

    #[test]
    fn what_was_not_built_in_is_refused_with_how_to_build_it() {
        let engine = Placement { engine: Some(EngineName::Mistralrs), device: None };
        let expected = "models.engine is mistralrs, which this program was built without; build it with --features mistralrs (or cuda, or metal)";
        assert_eq!(engine.problem(PLAIN).as_deref(), Some(expected));
        let expected = "models.device is cuda:1, which this program was built without; build it with --features cuda";
        assert_eq!(placed(None, "cuda:1").problem(PLAIN).as_deref(), Some(expected));
        assert_eq!((engine.problem(CUDA), placed(None, "cuda:1").problem(CUDA)), (None, None));
        assert!(placed(None, "metal").problem(CUDA).is_some());
    }

    #[test]
    fn the_native_engine_has_no_gpu() {
        assert_eq!(placed(Some(EngineName::Native), "cpu").problem(PLAIN), None);
        let expected = "models.engine is native, which runs on the processor alone, and models.device is cuda";
        assert_eq!(placed(Some(EngineName::Native), "cuda").problem(CUDA).as_deref(), Some(expected));
    }
}
