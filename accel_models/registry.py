"""Cost models by name: ours and those that other packages register.

A package adds a model with an entry point of the group ``accel_models`` that names a subclass
of `CostModel`.
"""

from __future__ import annotations

from accel_models.model import CostModel, Description
from accel_models.plugins import Plugins

__all__ = ["BUILT_IN", "GROUP", "create", "describe", "list_models", "model_class"]

GROUP = "accel_models"

BUILT_IN = {
    "bit_serial": "accel_models.bit_serial:BitSerial",
    "channel_parallel": "accel_models.channel_parallel:ChannelParallel",
    "dataflow_fpga": "accel_models.dataflow_fpga:DataflowFpga",
    "decoder_npu": "accel_models.decoder_npu:DecoderNpu",
    "fusible": "accel_models.fusible:FusibleArray",
    "in_memory": "accel_models.in_memory:InMemory",
    "neon": "accel_models.neon:NeonCore",
    "roofline": "accel_models.roofline:Roofline",
    "systolic": "accel_models.systolic:SystolicArray",
}

_MODELS: Plugins[CostModel] = Plugins("cost model", GROUP, BUILT_IN, CostModel)  # type: ignore[type-abstract]


def list_models() -> list[str]:
    """Return the names of all registered models, without loading any."""
    return _MODELS.names()


def model_class(name: str) -> type[CostModel]:
    """Return the class behind a name.

    Raises
    ------
    ConfigError
        If no model has that name; the message has the nearest one.
    PluginError
        If the model of another package cannot be loaded.
    """
    return _MODELS.load(name)


def create(text: str, **keywords: object) -> CostModel:
    """Return the model that ``name[:preset][,key=value]`` describes.

    Parameters
    ----------
    text
        For example ``"neon"``, ``"neon:cortex-a53"``, ``"systolic:rows=8,columns=8,dataflow=ws"``,
        ``"systolic:16x16,ws"``; a preset may be the path of a ``.toml`` file, and a choice that
        only one key has needs no key.
    keywords
        Settings by name; they override the text, which overrides the preset.

    Raises
    ------
    ConfigError
        Naming everything in the text and the keywords that is wrong.
    PluginError
        If the model of another package cannot be loaded.
    """
    return _MODELS.create(text, keywords)


def describe(text: str) -> Description:
    """Return what a model is and which settings and presets it has; takes what `create` takes."""
    return create(text).describe()
