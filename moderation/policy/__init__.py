"""The decision: scores, rules and facts in, verdict out. No database, no clock, no network.

A policy is an ordered list of rules and, for each label, two lines: below ``publish_below`` a score
publishes, at or above ``reject_above`` it rejects, between them people decide. Rules are read first to
last. Every rule that fires adds its reason; the strictest action of all reasons is the status, except
that a ``publish`` rule ends the reading: what stands after it, the scores included, is not asked.
"""

from moderation.policy.deciding import decide as decide
from moderation.policy.deciding import hook_to_ask as hook_to_ask
from moderation.policy.deciding import without_hook as without_hook
from moderation.policy.rules import DEFAULT_RULES as DEFAULT_RULES
from moderation.policy.rules import RULES as RULES
from moderation.policy.words import DECISION_REASONS as DECISION_REASONS
from moderation.policy.words import LABELS as LABELS
from moderation.policy.words import SITE_HOOK as SITE_HOOK
from moderation.policy.words import STATUS_OF as STATUS_OF
from moderation.policy.words import TRUSTED_READER as TRUSTED_READER
from moderation.policy.words import Action as Action
from moderation.policy.words import Facts as Facts
from moderation.policy.words import HookAnswer as HookAnswer
from moderation.policy.words import Policy as Policy
from moderation.policy.words import Reason as Reason
from moderation.policy.words import Rule as Rule
from moderation.policy.words import Status as Status
from moderation.policy.words import Threshold as Threshold
from moderation.policy.words import Verdict as Verdict
