"""The schema of a recipe: one dataclass a stage, every field documented and defaulted."""

from dataclasses import dataclass

from records.actions import LOW_IMPACT
from records.client import ClientConfig
from records.groupwise import GroupwiseConfig
from records.induction import InduceConfig
from records.options import opt
from records.sft import SFTConfig
from records.simulation import SimulateConfig


@dataclass
class LabelConfig:
    column: str = opt("", "Column of the table of labels; empty: that of the tag's own name.")
    values: dict[str, str] = opt(
        {},
        "Value of the column → value of the tag; others stay as they are. NA says that the log cannot show "
        "it, an empty one that nothing is known.",
    )


@dataclass
class LogConfig:
    input: str = opt("", "A log of your own (file, folder or glob) in the place of a simulation.")
    mapping: str = opt("", "Its mapping: the name of a built-in one or a YAML file.")
    labels: str = opt(
        "", "Table of what is true of its users (Parquet, CSV or TSV): a row a user, a column a tag."
    )
    tags: dict[str, LabelConfig] = opt(
        {}, "Tag → where the table holds it, where columns or values have names of their own."
    )
    fold: int = opt(
        0,
        "Labelled users are dealt out into parts of bench.users; which part is the benchmark, from 0.",
        low=0,
    )


@dataclass
class SemantizeConfig:
    token_budget: int = opt(
        7000,
        "Tokens of a whole history, in the model's own tokenizer: a user-year keeps what a careful reader "
        "can know in less.",
        low=1,
    )
    timezone: str = opt(
        "", "IANA zone in which days, months and parts of day are told; empty: that of the mapping, else UTC."
    )
    short_term_days: int = opt(
        14,
        "Days up to a user's last event told day by day; older ones by month, as old days matter less than "
        "the tokens that they cost.",
        low=1,
    )
    top_k: int = opt(
        100, "Entities kept a line, most frequent first: a month of groceries has about sixty.", low=1
    )
    entity_notes: bool = opt(
        True,
        "An entity says how often it was where its line has others too (Tea ×3), and when, if not in the "
        "line's part of day (Tea ~night): habits and a second person at the account are known by it. A tight "
        "budget is better off without.",
    )
    low_impact: str = opt(
        LOW_IMPACT,
        "Regular expression of actions that cost the user nothing and say little after a month.",
    )
    long_low_impact: int = opt(
        1,
        "Low-impact events on one thing in a month from which they are told in the long horizon. With 1 "
        "salience decides what there is room for; a tight budget is better off with 0: never.",
        low=0,
    )
    drop_implied: bool = opt(
        True,
        "Low-impact events are left out where the same thing was ordered in the same day (long horizon: "
        "month) and source: the order says what its searches and clicks said.",
    )
    repeat_minutes: float = opt(
        1.0,
        "The same low-impact action on the same thing within so many minutes is one: reloads, double clicks, "
        "loops. 0 keeps all.",
        low=0,
    )
    high_impact_weight: float = opt(
        3.0, "Salience of a high-impact event in low-impact ones: few clicks end in an order.", low=0
    )
    half_life_days: float = opt(
        180.0, "Age at which a slice's salience is halved: habits of last season count half.", low=0.1
    )
    morning_hour: int = opt(5, "Hour at which morning begins.", low=0, high=23)
    day_hour: int = opt(11, "Hour at which daytime begins.", low=0, high=23)
    night_hour: int = opt(18, "Hour at which night begins; it lasts until morning.", low=1, high=24)
    refine: bool = opt(
        True, "Titles are refined; false leaves them as they are, as is right for films, songs and names."
    )
    max_attributes: int = opt(
        3, "Attributes kept an entity: a small model reads one word sooner than four.", low=0, high=3
    )
    knowledge: str = opt(
        "",
        "A table of your own (Parquet, CSV or TSV) of what titles are about, which goes before all else: "
        "match (a title, or what rules make of it), entity (empty: stays), attributes (at most 3, parted "
        "by ;).",
    )
    llm_titles: int = opt(
        0,
        "Most frequent titles of a log that the language model of section llm refines; 0: none, rules alone. "
        "They are settled with a folder's first log: updates keep them, and go by rules for new titles.",
        low=0,
    )
    mask: bool = opt(True, "E-mail addresses, phone and card numbers are replaced by their kind.")
    max_quarantine_share: float = opt(
        0.2, "Share of unreadable rows past which a log is refused.", low=0, high=1
    )
    partition_events: int = opt(
        1_000_000, "Rows a partition, about; one worker holds one partition in memory.", low=1000
    )


@dataclass
class ModelConfig:
    init_dir: str = opt("", "Hugging Face model directory to start from; empty: a new Qwen3 network.")
    vocab_size: int = opt(2048, "Vocabulary of the new byte-level BPE tokenizer.", low=300)
    hidden_size: int = opt(128, "Width of the new network.", low=1)
    layers: int = opt(4, "Layers of the new network.", low=1)
    heads: int = opt(4, "Attention heads of the new network (head size = width / heads).", low=1)
    kv_heads: int = opt(2, "Key/value heads of the new network.", low=1)
    max_length: int = opt(10_240, "Longest prompt + response, tokens.", low=16)


@dataclass
class AnswerConfig:
    cite: bool = opt(True, "Answers cite the numbers of the history lines they rest on.")
    max_citations: int = opt(2, "Lines cited a tag, at most.", low=0)
    sentence_citations: int = opt(
        8, "Lines cited a sentence, at most: those of the tags it states, in their order.", low=0
    )


@dataclass
class LoraConfig:
    rank: int = opt(0, "Rank of the adapters; 0 trains the whole network.", low=0)
    alpha: float = opt(32.0, "Adapters count alpha / rank times.", low=0)
    targets: list[str] = opt(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        "Linear layers that get one, by name.",
    )


@dataclass
class LearnerConfig:
    ranks: int = opt(1, "DeepSpeed ranks (one actor each).", low=1)
    cpus_per_rank: float = opt(0.5, "Ray CPUs reserved a rank; fractions share a core.", low=0)
    gpus_per_rank: float = opt(0.0, "Ray GPUs reserved a rank; 0 trains on CPU.", low=0)
    threads: int = opt(2, "Compute threads a rank on CPU.", low=1)
    zero_stage: int = opt(0, "DeepSpeed ZeRO stage: 0, 1, 2 or 3; on GPU 0 is 1.")
    gradient_checkpointing: bool = opt(
        False, "Compute activations again in the backward pass: a third more time, far less memory."
    )
    micro_batch_tokens: int = opt(8192, "Tokens a micro-batch, at most; what is longer stands alone.", low=1)
    lora: LoraConfig = opt(LoraConfig, "Train low-rank adapters instead of the whole network.")
    weight_decay: float = opt(0.0, "AdamW weight decay.", low=0)
    max_grad_norm: float = opt(1.0, "Gradient norm above which gradients are scaled down.", low=0)


@dataclass
class RolloutConfig:
    actors: int = opt(1, "vLLM engines (one actor each).", low=1)
    cpus_per_actor: float = opt(1.0, "Ray CPUs reserved an engine.", low=0)
    gpus_per_actor: float = opt(
        0.0,
        "Ray GPUs reserved an engine; 0 runs on CPU. Where tensor_parallel is above 1, as many as that.",
        low=0,
    )
    tensor_parallel: int = opt(
        1,
        "Processes, each with a GPU of its own, that an engine's network is divided over, on one node. It "
        "must divide the attention heads.",
        low=1,
    )
    threads: int = opt(2, "Compute threads an engine on CPU.", low=1)
    kv_cache_gib: float = opt(
        1.0,
        "Memory for the KV cache of one engine on CPU (of each of its processes), GiB (whole number).",
        low=1,
    )
    max_sequences: int = opt(256, "Sequences an engine decodes at once.", low=1)


@dataclass
class ScorerConfig:
    actors: int = opt(1, "Scorer actors.", low=1)
    cpus_per_actor: float = opt(0.5, "Ray CPUs reserved a scorer.", low=0)
    timeout_s: float = opt(
        120.0,
        "Longest that a scorer may take for one group, seconds; then it is replaced.",
        low=0.1,
        high=1e5,
    )
    tag_weights: dict[str, float] = opt({}, "Tag → weight in atomic accuracy; a tag without one weighs 1.")
    embeddings: str = opt(
        "all-MiniLM-L6-v2",
        "Sentence-embedding model by which open values are alike: all-MiniLM-L6-v2, which is installed, or a "
        "sentence-transformers directory; empty: only the same name is right.",
    )
    embeddings_device: str = opt("cpu", "Device of the embedding model: cpu or cuda.")
    similarity_floors: dict[str, float] = opt(
        {"interests": 0.72, "home_city": 0.85},
        "Open tag → cosine from which two values are alike; a tag without one goes by name. The most alike "
        "of the world's interests are at .69 (cycling, motorcycling), of its cities at .71 (Berlin, Munich).",
    )
    summary_weights: dict[str, float] = opt(
        {"completeness": 0.4, "consistency": 0.3, "conciseness": 0.15, "aesthetics": 0.15},
        "Weights of the four parts of summary quality.",
    )
    judge: str = opt(
        "rules",
        "Who judges summaries: rules (offline, reads canonical clauses alone) or llm (section llm here).",
    )
    judge_repeats: int = opt(2, "Times that the language model is asked about each summary.", low=1, high=16)
    llm: ClientConfig = opt(ClientConfig, "The language model that judges, where judge is llm.")


@dataclass
class ClusterConfig:
    address: str = opt(
        "", "Ray to join; empty: RAY_ADDRESS where set, else one of its own; local: that always."
    )
    cpus: int = opt(0, "CPUs of a Ray started here; 0 takes all of them.", low=0)
    object_store_gib: float = opt(0.25, "Object store of a Ray started here, GiB.", low=0.1)
    workers: int = opt(0, "Simulation and semantization actors; 0: as many as CPUs.", low=0)
    timeout_s: float = opt(300.0, "Longest wait for one answer of one actor, seconds.", low=1, high=1e6)


@dataclass
class ThresholdConfig:
    eps_low: float = opt(0.0, "Groups whose mean reward is below are dropped (a mean on it stays).")
    eps_high: float = opt(2.0, "Groups whose mean reward is above are dropped (a mean on it stays).")
    eps_low_end: float | None = opt(
        None, "Where eps_low has moved to, linearly, after ramp_steps steps; null: it stays."
    )
    eps_high_end: float | None = opt(None, "The same for eps_high.")


@dataclass
class FilterConfig:
    sample: bool = opt(True, "Drop truncated and badly formatted samples; off: they have reward 0.")
    group: bool = opt(True, "Drop groups by their mean reward.")
    min_live: int = opt(2, "Live samples below which a group is dropped.", low=2)
    std_tol: float = opt(1e-6, "Reward deviation up to which a group has no signal and is dropped.", low=0)
    mean_over: str = opt("live", "Samples in the group mean: live, or all (failures as 0).")
    reward: str = opt(
        "total",
        "Reward whose mean and deviation the group filter looks at, and thresholds are of: total, atomic, or "
        "summary (of a task without one the total). Advantages are always of the total.",
    )
    thresholds: dict[str, ThresholdConfig] = opt({}, "Thresholds of the group filter by task.")
    ramp_steps: int = opt(
        0, "Steps over which thresholds move to their ends, where they have any; then they stay.", low=0
    )


@dataclass
class RefillConfig:
    max_rounds: int = opt(3, "Generation rounds a step, the first included.", low=1)
    on_starved: str = opt("short_batch", "Past max_rounds: raise, short_batch, relax_eps or keep_best.")
    dropped_weight: float = opt(
        1.0,
        "How often a prompt is taken whose last group was dropped, of its turns; after d dropped in a row, "
        "that to the power of d, though at least .05. 1: always.",
        low=0,
        high=1,
    )


@dataclass
class LossConfig:
    clip_low: float = opt(0.2, "The ratio is clipped below at 1 - clip_low.", low=0, high=1)
    clip_high: float = opt(0.2, "The ratio is clipped above at 1 + clip_high (larger: clip-higher).", low=0)
    tis_cap: float = opt(
        2.0, "Cap C of the truncated importance weight min(proximal / rollout, C).", low=1e-06
    )
    kl_beta: float = opt(0.0, "Weight of the KL to the reference model; 0 keeps no reference.", low=0)
    kl_bias_correction: bool = opt(False, "Multiply the k3 estimate by the ratio current / proximal.")
    entropy: bool = opt(
        False, "Tell the policy's entropy as well: another pass over the logits of every position."
    )
    scale_by_std: bool = opt(True, "Divide advantages by the deviation of the group; off is Dr.GRPO.")
    mean_over: str = opt(
        "tokens",
        "What the loss is a mean over: tokens (all of a mini-batch alike, DAPO), sequences (each by its own "
        "mean, GRPO) or length (each by its sum over rl.max_response_tokens, Dr.GRPO).",
    )


@dataclass
class LiveConfig:
    workers: int = opt(1, "Actors that simulate and semantize new users, of one thread each.", low=1)
    cpus_per_worker: float = opt(
        0.0, "Ray CPUs reserved a worker; 0 leaves it what others do not use, at a low priority.", low=0
    )
    queue: int = opt(
        256, "Prompts made in advance, at most: as many whole blocks of 128 users, one at least.", low=1
    )


@dataclass
class RLConfig:
    init_from: str = opt("stage3", "SFT stage the policy starts from: pilot, stage1, stage2 or stage3.")
    mode: str = opt(
        "train",
        "train, or what `usergpt rl` does for a look at a part: rollout (engines, scorers and filters, no "
        "learner) or replay (filters and learner on the groups of a ledger, no engine).",
    )
    replay_from: str = opt(
        "", "Run, or ledger, whose groups are replayed, where mode is replay; empty: the run's own."
    )
    steps: int = opt(20, "Policy updates; 0: no DF-GRPO.", low=0)
    groups_per_step: int = opt(16, "Groups (prompts) a training batch.", low=1)
    group_size: int = opt(8, "Samples a group.", low=2)
    max_staleness: int = opt(
        0,
        "Policy updates by which generation may run ahead of training. 0: it waits, and equal runs are equal "
        "to the bit; 1 or more: engines, scorers and learner work side by side.",
        low=0,
    )
    minibatches: int = opt(1, "Optimiser steps a training batch is split into.", low=1)
    prompts: str = opt(
        "recorded",
        "recorded: about the users set apart (sft.rl_users), again and again; live: about users who are "
        "simulated meanwhile, each asked once.",
    )
    live: LiveConfig = opt(LiveConfig, "Who makes live prompts, and how many in advance.")
    composite_share: float = opt(0.5, "Share of prompts that ask for the summary as well.", low=0, high=1)
    tags_per_prompt: int = opt(
        0, "Tags a prompt asks for, a random choice; fewer tell better what was right. 0: all.", low=0
    )
    max_response_tokens: int = opt(
        384, "Length limit of a response; a response that hits it is truncated.", low=1
    )
    temperature: float = opt(
        1.0, "Sampling temperature, the same on every side (vLLM raises lower ones to 0.01).", low=0.01
    )
    top_p: float = opt(1.0, "Nucleus of sampling, the same on every side.", low=1e-06, high=1)
    lr: float = opt(2e-4, "Learning rate, constant after warm-up.", low=0)
    warmup_steps: int = opt(2, "Steps over which the learning rate rises.", low=0)
    probe_every: int = opt(
        5, "Steps between reward probes; the first and last step are always probed.", low=1
    )
    probe_samples: int = opt(4, "Samples a probe prompt.", low=1)
    save_every: int = opt(5, "Steps between checkpoints.", low=1)
    keep_checkpoints: int = opt(2, "Checkpoints kept.", low=1)
    sync_tolerance: float = opt(
        1e-4,
        "Largest log-prob difference, nats, between learner and engines. In float32 they agree to about "
        "1e-5; bfloat16 engines need far more, such as 0.1.",
        low=0,
    )
    sync_probe_prompts: int = opt(4, "Prompts in the parity probe after every publish.", low=1)
    ledger: str = opt(
        "text",
        "What the ledger keeps: verdicts (with rewards), text (responses as well) or tokens (as well what "
        "rl.mode=replay needs: token ids, and log-probs as sampled).",
    )
    filters: FilterConfig = opt(FilterConfig, "Sample filter and group filter.")
    refill: RefillConfig = opt(RefillConfig, "What to do until the batch is full.")
    loss: LossConfig = opt(LossConfig, "The objective.")


@dataclass
class BenchConfig:
    models: list[str] = opt(
        ["untrained", "sft", "rl"],
        "Models of the table: untrained, pilot, stage1, stage2, stage3, sft (what RL starts from), rl.",
    )
    users: int = opt(64, "Benchmark users, disjoint from all training.", low=1)
    k: int = opt(10, "Independent runs of the tag track (Avg@k).", low=1)
    temperature: float = opt(0.7, "Sampling temperature.", low=0.01)
    top_p: float = opt(0.9, "Nucleus of sampling.", low=1e-06, high=1)
    max_response_tokens: int = opt(384, "Length limit of a response.", low=1)


TAGS, PERSONAS = "tags", "personas"
"""What a model learns (`task`), and so the stages of a run."""


@dataclass
class Recipe:
    """Everything a run is made of. `usergpt run RECIPE key=value …` overrides any field."""

    name: str = opt("run", "Run directory below runs_dir.")
    task: str = opt(
        TAGS,
        "What the model learns, and so the stages of a run: tags (and summaries, by DF-GRPO) or personas "
        "(by groupwise DPO).",
    )
    runs_dir: str = opt("runs", "Where run directories live.")
    seed: int = opt(0, "Every random choice of the run derives from it.", low=0)
    simulate: SimulateConfig = opt(SimulateConfig, "User behaviour simulation.")
    log: LogConfig = opt(LogConfig, "A log and labels of your own in its place.")
    llm: ClientConfig = opt(
        ClientConfig,
        "The language model of `simulate write`, `simulate sample` and semantize.llm_titles; nothing else "
        "reads it.",
    )
    semantize: SemantizeConfig = opt(SemantizeConfig, "Logs to histories.")
    induce: InduceConfig = opt(InduceConfig, "Personas: memories, clusters, quality.")
    model: ModelConfig = opt(ModelConfig, "Tokenizer and network.")
    answer: AnswerConfig = opt(AnswerConfig, "What answers look like.")
    sft: SFTConfig = opt(SFTConfig, "Curriculum SFT.")
    rl: RLConfig = opt(RLConfig, "DF-GRPO.")
    groupwise: GroupwiseConfig = opt(GroupwiseConfig, "Groupwise DPO.")
    bench: BenchConfig = opt(BenchConfig, "HPR-Bench; of personas, the users held out.")
    learner: LearnerConfig = opt(LearnerConfig, "DeepSpeed learner actors.")
    rollout: RolloutConfig = opt(RolloutConfig, "vLLM rollout actors.")
    scorer: ScorerConfig = opt(ScorerConfig, "Reward scorer actors.")
    cluster: ClusterConfig = opt(ClusterConfig, "The Ray cluster.")
