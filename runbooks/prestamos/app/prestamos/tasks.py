import time

from celery import shared_task
from django.conf import settings
from django.db import transaction

from .models import Auditoria, Prestamo

MAXIMO = 50_000


@shared_task
def evaluar(numero):
    """Puede llegar dos veces: lo que ya se decidió no se decide otra vez."""
    with transaction.atomic():
        it = Prestamo.objects.select_for_update().get(id=numero)
        if it.estado not in (Prestamo.Estado.PENDIENTE, Prestamo.Estado.EN_EVALUACION):
            return
        repetida = it.estado == Prestamo.Estado.EN_EVALUACION
        it.estado = Prestamo.Estado.EN_EVALUACION
        it.save(update_fields=["estado"])
        anota(it, "EVALUACION_REPETIDA" if repetida else "EVALUACION_EMPEZADA")

    # Mientras exista este archivo no se decide nada: el cierre contable manda.
    while (settings.LUGAR / "pausa").exists():
        time.sleep(0.05)

    with transaction.atomic():
        it = Prestamo.objects.select_for_update().get(id=numero)
        if it.estado != Prestamo.Estado.EN_EVALUACION:
            return
        cabe = it.monto <= MAXIMO
        it.estado = Prestamo.Estado.APROBADO if cabe else Prestamo.Estado.RECHAZADO
        it.save(update_fields=["estado"])
        anota(it, f"PRESTAMO_{it.estado}")


def anota(prestamo, evento):
    Auditoria.objects.create(evento=evento, prestamo=prestamo, usuario="worker", peticion="-")
