"""The schema of SFT: its stages, teachers, and who is set apart."""

from dataclasses import dataclass

from records.client import ClientConfig
from records.options import opt


@dataclass
class StageConfig:
    examples: int = opt(0, "Examples drawn for the stage, with repetition over epochs; 0 skips it.", low=0)
    lr: float = opt(2e-3, "Peak learning rate.", low=0)
    max_tokens: int = opt(
        0, "Tokens of the stage's lessons, at most; those that come later are left out. 0: no bound.", low=0
    )
    history_weight: float = opt(1.0, "Loss weight of history tokens (language modelling).", low=0)


@dataclass
class SFTStageConfig(StageConfig):
    composite_share: float = opt(0.0, "Share of examples that ask for the summary as well.", low=0, high=1)
    replay_share: float = opt(0.0, "Share of examples replayed from the stage before.", low=0, high=1)
    window_lines: int = opt(
        0, "A lesson shows a random stretch of at most so many history lines; 0 shows all.", low=0
    )
    unlabelled: int = opt(
        0,
        "Further examples that show users of a log without labels and ask nothing: histories to learn.",
        low=0,
    )
    questions: int = opt(
        1, "Questions asked about each history drawn; a batch holds such a history once.", low=1, high=64
    )


@dataclass
class SFTConfig:
    optimizer: str = opt("adamw", "adamw, or muon, which trains a new network in far fewer steps.")
    batch_size: int = opt(16, "Examples an optimiser step.", low=1)
    save_every: int = opt(200, "Steps between checkpoints of a stage; its last step always makes one.", low=1)
    warmup: float = opt(0.05, "Share of all steps over which the learning rate rises.", low=0, high=1)
    answer_weight: float = opt(4.0, "Loss weight of answer tokens.", low=0)
    teacher_error: float = opt(
        0.25, "Error rate of the weaker program teacher on implicit evidence.", low=0, high=1
    )
    teacher_silence: float = opt(
        0.0,
        "Probability that a teacher's summary passes over a dimension, or its persona set over a sentence, "
        "on average; it differs from answer to answer, between 0 and twice as much.",
        low=0,
        high=0.5,
    )
    first_teacher: ClientConfig = opt(
        ClientConfig, "Language model that answers three times on every user; without a model, a program."
    )
    second_teacher: ClientConfig = opt(ClientConfig, "The other one, which answers twice.")
    stronger_teacher: ClientConfig = opt(ClientConfig, "Whose word decides where these disagree.")
    base_samples: int = opt(
        0,
        "Answers of the base model (the pilot, else model.init_dir) on every user; a tag that it gets right "
        "each time is not taught. 0: no such filter.",
        low=0,
        high=64,
    )
    order: str = opt(
        "curriculum", "curriculum, or shuffled: the same lessons all mixed, in stage 1 (to compare with)."
    )
    stage2_tags: str = opt(
        "mixed",
        "What stage 2 asks for: mixed (controversial tags and some standard) or random (as many of either, "
        "drawn blindly, in the place of the controversial ones, to compare with).",
    )
    teacher_cuts: list[int] = opt(
        [2, 3],
        "Teachers of persona sets, each by the NEAR of memory lines below which it begins another persona, 1 "
        "to 9: many narrow ones or few wide ones. Beside them there is one with each user's best cut.",
    )
    rl_users: int = opt(400, "Users set apart for prompts of DF-GRPO or groupwise DPO.", low=0)
    probe_users: int = opt(128, "Users set apart for the probe of rewards or quality.", low=0)
    pilot: SFTStageConfig = opt(
        SFTStageConfig, "Format alone, with values of others: the base of a new network, and a control."
    )
    stage1: SFTStageConfig = opt(SFTStageConfig, "Standard cases: at least 4 of 5 teacher samples agree.")
    stage2: SFTStageConfig = opt(SFTStageConfig, "Controversial cases: 1 to 3 of 5 agree.")
    stage3: SFTStageConfig = opt(SFTStageConfig, "Hard cases: composites with a summary, and replay.")
    few_lines: StageConfig = opt(
        StageConfig,
        "Persona sets, where task is personas, about a quarter of induce.line_tokens: of few lines a new "
        "network learns sooner to copy.",
    )
    personas: StageConfig = opt(StageConfig, "Persona sets about all lines; these two are the stages then.")
