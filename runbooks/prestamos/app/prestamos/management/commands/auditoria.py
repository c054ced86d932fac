from django.core.management.base import BaseCommand

from prestamos.models import Auditoria


class Command(BaseCommand):
    help = "Muestra las filas de auditoría en su orden, de un préstamo o las últimas."

    def add_arguments(self, parser):
        parser.add_argument("--prestamo")
        parser.add_argument("--ultimas", type=int, default=20)

    def handle(self, *args, prestamo, ultimas, **options):
        filas = Auditoria.objects.order_by("-id")
        if prestamo:
            filas = filas.filter(prestamo_id=prestamo)
        for it in reversed(filas[:ultimas]):
            self.stdout.write(f"{it.evento} {it.usuario}")
