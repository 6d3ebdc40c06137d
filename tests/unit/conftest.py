"""What unit tests share: the settings of Hypothesis."""

from hypothesis import settings

# On a busy machine, an example can take longer than the default limit of 200 ms.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
