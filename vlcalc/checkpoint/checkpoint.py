"""What a family reads: the configuration of the model, and those of its processors."""

from __future__ import annotations

from collections.abc import Mapping

from vlcalc.checkpoint.config import Config, Sourced
from vlcalc.checkpoint.folder import CONFIG, TOKENIZER, Folder
from vlcalc.checkpoint.image_processors import IMAGE_PROCESSORS
from vlcalc.checkpoint.readers import DECODERS, Reader, reader_of
from vlcalc.core.registry import Registry

PROCESSOR = "processor_config.json"
IMAGES = "preprocessor_config.json"
VIDEOS = "video_preprocessor_config.json"
TOKENIZER_FILES = ("tokenizer_config.json", "added_tokens.json", TOKENIZER)


class Checkpoint:
    """The files of one checkpoint.

    Attributes:
        config: what `config.json` says.
        processor: what `processor_config.json` says; nothing where there is no such file.
    """

    def __init__(self, folder: Folder, config: Config) -> None:
        self.config = config
        self._folder = folder
        self.processor = Config(folder.read_json(PROCESSOR) or {}, f"{PROCESSOR}: ")

    def with_defaults(self, defaults: Mapping[str, object]) -> Checkpoint:
        """Return the same files, those of `config.json` with the defaults of a class."""
        return Checkpoint(self._folder, self.config.with_defaults(defaults))

    def images(self, kind: str, **passed: object) -> Config:
        """Return what is said about images, with the defaults of the image processor's class.

        Newer checkpoints say it in `processor_config.json`, older ones in a file of its own; the
        newer one counts where both do.

        Args:
            kind: the image processor of the family, for a file that names none that is known.
            passed: what the processor's class passes with every call, whatever a file says.
        """
        config = self._processor(IMAGES, "image_processor", kind)
        return config.overlaid(passed, "the processor's class: ")

    def videos(self, kind: str) -> Config:
        """Return what is said about videos, likewise; what is said about images in older ones."""
        if self.processor.has("video_processor") or self._folder.read_json(VIDEOS) is not None:
            return self._processor(VIDEOS, "video_processor", kind)
        return self.images(kind)

    def _processor(self, file: str, key: str, kind: str) -> Config:
        if self.processor.has(key):
            config = self.processor.section(key)
        else:
            config = Config(self._folder.read_json(file) or {}, f"{file}: ")
        named = "image_processor_type"
        name = config.string(named) if config.has(named) else kind
        known = IMAGE_PROCESSORS.get(name.removesuffix("Fast").removesuffix("Pil"))
        return config.with_defaults(known or IMAGE_PROCESSORS[kind])

    def has_token(self, token: str) -> bool | None:
        """Tell whether a tag is one token of the vocabulary; None where no file says.

        The list is not parsed: a tag in quotes stands nowhere else in it.
        """
        answer = None
        for name in TOKENIZER_FILES:  # the largest, which may have to be fetched, last
            text = self._folder.read_text(name)
            if text is not None:
                answer = f'"{token}"' in text
            if answer:
                break
        return answer

    def tied(self, text: Config, *, text_counts: bool) -> Sourced:
        """Return whether the head is the embedding.

        Args:
            text: the configuration of the language model.
            text_counts: whether the class also heeds what is said there.
        """
        name = "tie_word_embeddings"
        if text_counts and not self.config.flag(name):
            return text.with_defaults(reader_of(DECODERS, text).defaults).key(name)
        return self.config.key(name)


FAMILIES: Registry[Reader[Checkpoint]] = Registry("model type", "vlcalc.checkpoint.families")


def open_checkpoint(folder: Folder, data: Mapping[str, object]) -> Checkpoint:
    """Return the checkpoint whose `config.json` holds `data`."""
    return Checkpoint(folder, Config(data, f"{CONFIG}: "))
