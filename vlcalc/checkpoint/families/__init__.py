"""Vision-language models by `model_type`. One file a family."""
