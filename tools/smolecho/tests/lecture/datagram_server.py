import socket
import sys

# Define the server address (host and port)
server_host = sys.argv[1]
server_port = 12345

# Create a UDP socket using IPv4
udp_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

# Bind the socket to the address
udp_socket.bind((server_host, server_port))
print(f"Server listening on {server_host}:{server_port}")

while True:
    # Receive data from a client
    data, client_address = udp_socket.recvfrom(1024)
    print(f"Received data: {data.decode()}")

    # Echo the data back to the client
    udp_socket.sendto(data, client_address)
