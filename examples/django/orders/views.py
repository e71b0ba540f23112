from django.http import JsonResponse

from orders.models import Order


def orders(request):
    found = Order.objects.order_by("id").values("id", "article", "status")[:100]
    return JsonResponse({"orders": list(found)})
