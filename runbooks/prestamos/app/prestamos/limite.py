from django.conf import settings
from rest_framework.throttling import SimpleRateThrottle


class LimiteDeToken(SimpleRateThrottle):
    """Por dirección. La cuenta está en la memoria del proceso: reiniciarlo la olvida."""

    def get_rate(self):
        return settings.TASA_TOKEN

    def parse_rate(self, rate):
        cuantas, segundos = rate.split("/")
        return int(cuantas), int(segundos)

    def get_cache_key(self, request, view):
        return f"token-{self.get_ident(request)}"
