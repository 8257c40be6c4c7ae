select
    placed.order_id,
    customer.name as customer_name,
    customer.country,
    placed.amount
from {{ ref('stg_orders') }} as placed
join {{ ref('customers') }} as customer on customer.id = placed.customer_id
