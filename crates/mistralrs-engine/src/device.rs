//! Where a model is computed.

use std::fmt;

use mistralrs::Device as Place;
use mistralrs::core::{AutoDeviceMapParams, DeviceMapSetting};

/// As settings name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    Cpu,
    /// One GPU, or the layers spread over all of them.
    Cuda(Option<usize>),
    Metal,
}

impl Device {
    /// The GPUs that there are, for a build that can compute on them.
    pub fn gpu() -> Option<Self> {
        [Self::Cuda(None), Self::Metal].into_iter().find(|device| device.is_there())
    }

    /// Whether this build can compute on it, and this machine has it.
    pub fn is_there(self) -> bool {
        self.place().is_ok()
    }

    pub(crate) fn place(self) -> mistralrs::Result<Place> {
        match self {
            Self::Cpu => Ok(Place::Cpu),
            Self::Cuda(index) => Place::new_cuda(index.unwrap_or(0)),
            Self::Metal => Place::new_metal(0),
        }
    }

    /// Which of them gets which layers.
    pub(crate) fn map(self) -> DeviceMapSetting {
        match self {
            Self::Cuda(None) => DeviceMapSetting::Auto(AutoDeviceMapParams::default_text()),
            Self::Cpu | Self::Cuda(Some(_)) | Self::Metal => DeviceMapSetting::dummy(),
        }
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
