from django.core.management.base import BaseCommand

from prestamos.models import Prestamo
from prestamos.tasks import evaluar


class Command(BaseCommand):
    help = "Lista los préstamos que nadie evalúa; con --reencolar los pone en la cola otra vez."

    def add_arguments(self, parser):
        parser.add_argument("--reencolar", action="store_true")

    def handle(self, *args, reencolar, **options):
        sin_decidir = [Prestamo.Estado.PENDIENTE, Prestamo.Estado.EN_EVALUACION]
        filas = list(Prestamo.objects.filter(estado__in=sin_decidir).order_by("creado"))
        for it in filas:
            self.stdout.write(f"{it.id} {it.estado}")
            if reencolar:
                evaluar.delay(str(it.id))
        self.stdout.write(f"sin decidir: {len(filas)}")
