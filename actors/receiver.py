"""What a vLLM worker does to take new weights: mixed into its class (`worker_extension_cls`).

`begin_reload`, `load_bucket` once a bucket, `end_reload`: the steps of vLLM's own `reload_weights`, parted so
that nobody has to hold more than a bucket. In between the model cannot be used.
"""

from typing import Any

from actors.weights import Bucket, unpacked


class WeightReceiver:
    """Replaces the worker's weights in place."""

    model_runner: Any
    model_config: Any
    vllm_config: Any
    device: Any
    weight_transfer_engine: Any

    def begin_reload(self) -> None:
        """Take the layers apart."""
        from vllm.model_executor.model_loader.reload import initialize_layerwise_reload

        model = self.model_runner.get_model()
        self._missing = {name for name, _ in model.named_parameters()}
        initialize_layerwise_reload(model)

    def load_bucket(self, bucket: Bucket) -> int:
        """Load some tensors; returns their bytes. A layer is put together once it has all of its own."""
        from vllm.config import set_current_vllm_config

        tensors = [(name, unpacked(*packed)) for name, packed in bucket.items()]
        with set_current_vllm_config(self.vllm_config):
            self._missing -= self.model_runner.get_model().load_weights(iter(tensors))
        return sum(tensor.nbytes for _, tensor in tensors)

    def end_reload(self) -> None:
        """Put together what is left.

        Raises:
            RuntimeError: weights of the model were in no bucket.
        """
        from vllm.config import set_current_vllm_config
        from vllm.model_executor.model_loader.reload import finalize_layerwise_reload

        model = self.model_runner.get_model()
        with set_current_vllm_config(self.vllm_config):
            finalize_layerwise_reload(model, self.model_config)
            repack_tied_head(model)
        if self._missing:
            raise RuntimeError(f"no new weights came for {', '.join(sorted(self._missing)[:5])}")

    def use_transport(self, backend: str) -> None:
        """Have vLLM's own start, update and finish of a weight update go through `backend` (nccl, ipc)."""
        from vllm.config.weight_transfer import WeightTransferConfig
        from vllm.distributed.weight_transfer import WeightTransferEngineFactory

        if self.weight_transfer_engine is not None:
            self.weight_transfer_engine.shutdown()
        self.weight_transfer_engine = WeightTransferEngineFactory.create_engine(
            WeightTransferConfig(backend=backend),
            self.vllm_config,
            self.device,
            self.model_runner.get_model(),
        )


def repack_tied_head(model: Any) -> None:
    """Renew what the CPU backend computes a tied output layer with.

    It multiplies by a packed copy of the weight, made at loading. A tied layer gets no weights of its own, so
    a reload leaves that copy as it was, without a word.
    """
    head: Any = getattr(model, "lm_head", None)
    if getattr(model.config, "tie_word_embeddings", False) and hasattr(head, "cpu_linear"):
        head.quant_method.process_weights_after_loading(head)
